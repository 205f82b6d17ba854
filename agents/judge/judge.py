"""The judge of one task: a sample and its annotation in, a verdict out."""

from dataclasses import dataclass

from agents.annotate.views import Load, Save
from agents.judge.opinion import Opinion, Opinions
from agents.judge.rubric import RubricOpinions
from agents.judge.second_view import SecondViewOpinions
from agents.llm.ask import Asked, Ports
from agents.llm.cache import cache_key
from models.annotation import Annotation, Usage
from models.identity import digest
from models.record import Version
from models.sample import Sample
from models.task import ClassificationTask, RubricJudge, SecondViewJudge, Task
from models.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Held:
    """An opinion and the model behind it: what the cache remembers."""

    opinion: Opinion
    model: str


class Judge:
    """Judges the annotations of one task.

    The same annotation gets the same verdict id from the same version, whatever the model answers.
    """

    def __init__(self, opinions: Opinions, ports: Ports) -> None:
        """Bind; `new_judge` makes one from a task."""
        self._opinions = opinions
        self._ports = ports
        self.version: Version = opinions.version

    async def prepare(self, load: Load, save: Save) -> None:
        """Load the stored calibrator of this version, or fit and save it.

        Raises:
            ModelUnavailable: the model is needed and cannot be reached; ask again later.
        """
        await self._opinions.prepare(load, save)

    async def judge(self, sample: Sample, annotation: Annotation) -> Verdict:
        """The verdict on one annotation.

        Raises:
            ModelUnavailable: nothing was learnt about the annotation; ask again later.
            ModelTimeout: no answer within the deadline, the second question included.
            ModelRefused: the endpoint refuses this sample.
            BadAnswer: two answers in a row were outside the schema.
            BudgetExhausted: the day's spend cap is reached.
        """
        key = cache_key(self.version, sample, annotation.label)
        held = self._ports.cache.get(key) if key else None
        if isinstance(held, Held):
            return self._verdict(annotation, _remembered(held))
        asked = await self._opinions.of(sample, annotation)
        if key:
            self._ports.cache.put(key, Held(asked.reading, asked.model))
        return self._verdict(annotation, asked)

    def _verdict(self, annotation: Annotation, asked: Asked[Opinion]) -> Verdict:
        opinion, fresh = asked.reading, asked.usage.calls > 0
        return Verdict.model_construct(
            verdict_id=digest("verdict", annotation.annotation_id, self.version.hash),
            judge=self.version,
            kind=self._opinions.kind,
            p_correct=opinion.p_correct,
            label=opinion.label,
            scores=opinion.scores,
            reason=opinion.reason,
            calibrator=self._opinions.calibrator_hash,
            model=asked.model,
            usage=asked.usage,
            price_usd=asked.price_usd,
            latency_ms=asked.latency_ms if fresh else None,
            attempts=asked.attempts,
            cached=not fresh,
        )


def new_judge(task: Task, ports: Ports) -> Judge | None:
    """The judge a task asks for, null when it asks for none.

    Raises:
        ConfigurationError: a criterion is unknown or does not apply.
    """
    judge = task.judge
    if judge is None:
        return None
    if isinstance(judge, RubricJudge):
        return Judge(RubricOpinions(task, judge, ports), ports)
    if isinstance(judge, SecondViewJudge) and isinstance(task, ClassificationTask):
        return Judge(SecondViewOpinions(task, judge, ports), ports)
    raise TypeError(f"no judge for {type(judge).__name__}")


def _remembered(held: Held) -> Asked[Opinion]:
    nothing = Usage(calls=0, input_tokens=0, output_tokens=0)
    return Asked(held.opinion, held.model, nothing, price_usd=0.0, latency_ms=0.0, attempts=1)
