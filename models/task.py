"""A task: what to label, with which models, judged how, reviewed how much, watched how closely."""

from math import isclose
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.identity import fingerprint
from models.policy import Policy
from models.record import Probability, Version
from models.result import Lane

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]


PoolTags = dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]


class Part(BaseModel):
    """A part of a task file: frozen, and strict about words it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Label(Part):
    """One label: its name in all figures and its definition for annotators, judges and people."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    definition: str = ""


class LabelledText(Part):
    """A text with its known labels: an example shown in a prompt, or a calibration item."""

    text: Text
    label: str | None = None
    labels: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.label is None) == (self.labels is None):
            raise ValueError("needs either 'label' or 'labels'")
        return self

    @property
    def truth(self) -> tuple[str, ...]:
        """The known labels, sorted."""
        return (self.label,) if self.label is not None else tuple(sorted(self.labels or ()))


class Price(Part):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for one call.

        >>> Price(input=1, output=2).of(500_000, 250_000)
        1.0
        """
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class Model(Part):
    """Which model at which of the settings' endpoints; a null price is unknown, not zero."""

    endpoint: Name = "default"
    model: str | None = None
    price: Price | None = None
    max_output_tokens: int = Field(default=400, ge=1, le=32_000)


class ChatAnnotator(Model):
    """Asks a chat model for JSON: labels, and optionally how sure it is of each."""

    mode: Literal["chat"] = "chat"
    name: Name = "annotator"
    examples: tuple[LabelledText, ...] = ()
    verbalised_confidence: bool = True


class View(Model):
    """One wording of the question for completion models, read by its words' log-probabilities."""

    name: Name
    question: Text
    words: dict[str, Annotated[str, Field(pattern=r"^[^\s]{1,40}$")]]
    examples: Annotated[tuple[LabelledText, ...], Field(min_length=1)]
    text_limit: int = Field(default=1000, ge=50, le=20_000)


class CompletionAnnotator(View):
    """Reads label log-probabilities from a completion model (classification only)."""

    mode: Literal["completion"] = "completion"
    name: Name = "first-view"


class RubricJudge(Model):
    """Scores several criteria in one call, and overall P(label correct)."""

    kind: Literal["rubric"] = "rubric"
    name: Name = "rubric-judge"
    criteria: Annotated[tuple[Name, ...], Field(min_length=1)] = ("label_fits", "nothing_missed")


class SecondViewJudge(View):
    """Asks a differently worded question and reads P(the annotator's label)."""

    kind: Literal["second_view"] = "second_view"
    name: Name = "second-view"


Annotator = Annotated[ChatAnnotator | CompletionAnnotator, Field(discriminator="mode")]
Judge = Annotated[RubricJudge | SecondViewJudge, Field(discriminator="kind")]


class Routing(Part):
    """How much people can review and what they must see."""

    budget: float = Field(default=0.1, gt=0, le=1)
    audit: float = Field(default=0.02, gt=0, le=1)
    mixing: float = Field(default=0.5, gt=0, le=1)
    mean_uncertainty: float = Field(default=0.3, gt=0, le=0.5)
    floors: dict[str, Probability] = Field(default_factory=dict)
    always_review: frozenset[str] = frozenset()


class Ranking(Part):
    """What a reviewer is given first: the item with the highest rank.

    The rank is `value` times what a decision is expected to tell (0 to 1), plus the lane's own
    number, plus `age` for every hour it has waited.
    """

    value: float = Field(default=1.0, ge=0, le=1000)
    age: float = Field(default=0.05, ge=0, le=1000)
    lanes: dict[Lane, Annotated[float, Field(ge=-1000, le=1000)]] = {"policy": 1.0, "failed": 0.5}


class Review(Part):
    """How people work this task's queue.

    Attributes:
        reviewers: how many decide on each item.
        adjudicate: a senior decides where they differ; otherwise the majority does, and a tie is
            ambiguous.
        suggestion: whether reviewers see the annotator's labels. Shown labels pull answers along.
        guidelines: for reviewers; without them they read the task's instructions.
        due_hours: an item nobody decided by then is expired.
        undo_seconds: for so long an answer can be taken back; it is published after that.
        lease_seconds: how long an item is held without a sign of life.
        gold_share: of what a reviewer is given, planted items whose answer is known.
        repeat_share: of what a reviewer is given, items they decided before.
        pools: expertise an item asks for: the tags (each with its values) that put it there. The
            first pool that fits has it; what fits none is for everyone.
    """

    reviewers: int = Field(default=1, ge=1, le=20)
    adjudicate: bool = True
    suggestion: Literal["shown", "hidden"] = "hidden"
    guidelines: str = Field(default="", max_length=50_000)
    due_hours: float = Field(default=72.0, gt=0, le=8760)
    undo_seconds: float = Field(default=10.0, ge=0, le=600)
    lease_seconds: float = Field(default=120.0, ge=5, le=3600)
    gold_share: float = Field(default=0.05, ge=0, le=0.5)
    repeat_share: float = Field(default=0.03, ge=0, le=0.5)
    pools: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], PoolTags] = Field(
        default_factory=dict
    )
    ranking: Ranking = Ranking()


class Drift(Part):
    """When the detectors speak up.

    Attributes:
        baseline: how many readings make the frozen reference.
        run_length: readings of each stream between two false alarms of the whole task, on average
            at least; a stream is one signal of one slice.
        margin: smallest shift of a mean that matters.
    """

    baseline: int = Field(default=2000, ge=50, le=1_000_000)
    run_length: float = Field(default=100_000, ge=100)
    margin: float = Field(default=0.01, ge=0, le=0.5)


class Spend(Part):
    """What the task may cost per UTC day; models without a price are refused unless allowed."""

    daily_usd: float | None = Field(default=None, ge=0)
    unpriced: Literal["refuse", "allow"] = "refuse"


class TaskCommon(Part):
    """What every kind of task has.

    Attributes:
        prior: the share of each label in the traffic, as far as the author knows.
        slices: tags that figures and detectors are split by, each with the values worth a slice of
            their own; any other value counts as `other`.
        sample_rate: share of the traffic that is labelled at all.
        cache_seconds: how long an answer may serve identical samples.
    """

    name: Name
    version: Annotated[str, Field(min_length=1, max_length=64)] = "1"
    description: str = ""
    instructions: Text
    labels: Annotated[tuple[Label, ...], Field(min_length=2, max_length=200)]
    prior: dict[str, Probability] | None = None
    judge: Judge | None = None
    calibration: tuple[LabelledText, ...] = ()
    routing: Routing = Routing()
    review: Review = Review()
    drift: Drift = Drift()
    spend: Spend = Spend()
    slices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sample_rate: float = Field(default=1.0, gt=0, le=1)
    cache_seconds: float = Field(default=600.0, ge=0)

    @property
    def label_names(self) -> tuple[str, ...]:
        """All label names in the author's order."""
        return tuple(label.name for label in self.labels)

    @property
    def identity(self) -> Version:
        """The author's version beside the hash of everything the file says."""
        return Version(name=f"{self.name}/{self.version}", hash=fingerprint(sorted_sets(self)))

    @property
    def first_policy(self) -> Policy:
        """Policy version 1: the task's own settings, before any decision was seen."""
        r = self.routing
        return Policy(
            task=self.name,
            budget=r.budget,
            mixing=r.mixing,
            mean_uncertainty=r.mean_uncertainty,
            audit=r.audit,
            floors=r.floors,
            always_review=r.always_review,
            slices=self.slices,
        )

    @model_validator(mode="after")
    def _label_words_agree(self) -> Self:
        names = self.label_names
        if len(set(names)) != len(names):
            raise ValueError("labels: each name may stand once")
        known = set(names)
        for place, used in _label_uses(self):
            if strangers := sorted(used - known):
                message = f"{place}: unknown label {strangers[0]!r}; labels are {', '.join(names)}"
                raise ValueError(message)
        if self.prior is not None and not isclose(sum(self.prior.values()), 1, abs_tol=0.01):
            raise ValueError("prior: the probabilities must sum to 1")
        return self


class ClassificationTask(TaskCommon):
    """Exactly one label per sample."""

    kind: Literal["classification"]
    annotator: Annotator = ChatAnnotator()

    @model_validator(mode="after")
    def _one_label_per_item(self) -> Self:
        for place, items in _items(self):
            if any(item.label is None for item in items):
                raise ValueError(f"{place}: in a classification each item has one 'label'")
        return self

    @model_validator(mode="after")
    def _views_word_every_label(self) -> Self:
        for place, view in (("annotator", self.annotator), ("judge", self.judge)):
            if isinstance(view, View) and set(view.words) != set(self.label_names):
                raise ValueError(f"{place}.words: needs one word for each label")
            if isinstance(view, View) and len(set(view.words.values())) != len(view.words):
                raise ValueError(f"{place}.words: two labels share a word")
        return self


class MultilabelTask(TaskCommon):
    """Any number of labels per sample, none included."""

    kind: Literal["multilabel"]
    annotator: ChatAnnotator = ChatAnnotator()

    @model_validator(mode="after")
    def _judged_by_rubric(self) -> Self:
        if isinstance(self.judge, SecondViewJudge):
            raise ValueError("judge.kind: a multilabel task is judged by 'rubric'")
        return self


Task = Annotated[ClassificationTask | MultilabelTask, Field(discriminator="kind")]
"""Task kinds by their `kind`; another kind is another class here."""


def sorted_sets(task: TaskCommon) -> dict[str, object]:
    """The task as plain data whose order does not depend on hashing.

    A file that says nothing of reviewing keeps the hash it had before files could.
    """
    body = task.model_dump(mode="json")
    if task.review == Review():
        del body["review"]
    body["routing"]["always_review"] = sorted(body["routing"]["always_review"])
    return body


def _label_uses(task: TaskCommon) -> list[tuple[str, set[str]]]:
    uses = [
        ("routing.always_review", set(task.routing.always_review)),
        ("prior", set(task.prior or ())),
    ]
    for place, items in _items(task):
        uses.append((place, {name for item in items for name in item.truth}))
    return uses


def _items(task: TaskCommon) -> list[tuple[str, tuple[LabelledText, ...]]]:
    """All labelled texts of a task by where they stand."""
    return [
        ("calibration", task.calibration),
        ("annotator.examples", getattr(getattr(task, "annotator", None), "examples", ())),
        ("judge.examples", getattr(task.judge, "examples", ())),
    ]
