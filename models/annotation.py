"""What the annotator said of a sample, or why it said nothing."""

from typing import Literal

from pydantic import Field

from models.record import Message, Probability, Record, Version
from models.sample import Sample, Source

ConfidenceSource = Literal["logprob", "votes", "ensemble", "verbalised"]

LABEL_JOIN = " + "


class Usage(Record):
    """Tokens and calls that one answer took; null where the endpoint did not say."""

    calls: int = 1
    input_tokens: int | None = None
    output_tokens: int | None = None


class Answered(Record):
    """What every model answer carries: which model, how much, how long.

    Attributes:
        price_usd: null when the price of the model is unknown; 0 when cached.
        latency_ms: from request to answer, null when cached.
    """

    model: str
    usage: Usage
    price_usd: float | None = Field(default=None, ge=0)
    latency_ms: float | None = Field(default=None, ge=0)
    attempts: int = Field(default=1, ge=1)
    cached: bool = False


class Missing(Record):
    """Why an annotation or a verdict is not there; never silently absent."""

    why: Literal["sampled_out", "over_budget", "failed", "stopped", "not_annotated", "not_judged"]
    detail: str = Field(default="", max_length=2000)


class Annotation(Answered):
    """One annotator's labels for one sample.

    Attributes:
        labels: exactly one for a classification; any number, sorted, for a multilabel task.
        scores: P(label) for each label the annotator scored; empty when it gave none.
        confidence: P(these labels are right) by the annotator's own account, null when it has none.
        annotator: name and content hash of prompt, words, examples, model and parameters.
        calibrator: hash of the calibrator that made the scores, null when they are raw.
    """

    annotation_id: str
    annotator: Version
    labels: tuple[str, ...]
    scores: dict[str, Probability] = Field(default_factory=dict)
    confidence: Probability | None = None
    confidence_source: ConfidenceSource | None = None
    calibrator: str | None = None

    @property
    def label(self) -> str:
        """The labels as one word, the way label mix and confusion count them."""
        return joined(self.labels)


def joined(labels: tuple[str, ...]) -> str:
    """A label set as one category.

    >>> joined(("refund", "delivery"))
    'delivery + refund'
    >>> joined(())
    '(none)'
    """
    return LABEL_JOIN.join(sorted(labels)) or "(none)"


class Annotated(Message):
    """The message on `annotations`: the sample with its annotation, or why there is none.

    Attributes:
        source: the sample's own position on `samples`; its timestamp is the event time.
        task: name and content hash of the task file.
    """

    sample_key: str
    source: Source
    sample: Sample
    task: Version
    annotation: Annotation | None = None
    annotation_missing: Missing | None = None
