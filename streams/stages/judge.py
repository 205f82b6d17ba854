"""Judge: from `annotations` to `verdicts`. A failed judgement is a record, never a lost sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from models.annotation import Annotated, Annotation, Missing
from models.errors import InvalidRecord, Unavailable
from models.record import Version
from models.sample import Sample
from models.verdict import Judged, Verdict
from streams.delivery.dead_letters import Identity
from streams.delivery.records import Incoming, Output
from streams.stages.annotate import attempted
from streams.topics import Topics


class Judges(Protocol):
    """A judge bound to one task."""

    @property
    def version(self) -> Version:
        """Name and content hash."""

    async def judge(self, sample: Sample, annotation: Annotation) -> Verdict:
        """The verdict on one annotation, or an error of `models.errors`."""


@dataclass(frozen=True)
class Bench:
    """One task's judge, none when the task has none, and how to learn the policy in force."""

    judge: Judges | None
    policy: Callable[[], Version]


class JudgeStage:
    """One record of `annotations` to one of `verdicts`."""

    def __init__(self, topics: Topics, benches: Mapping[str, Bench], attempts: int) -> None:
        """Bind to the tasks served."""
        self.topics = topics
        self.benches = benches
        self.attempts = attempts

    async def handle(self, record: Incoming) -> Sequence[Output]:
        """The output of one annotated sample.

        Raises:
            InvalidRecord: not a record of `annotations`.
            Unavailable: the model cannot be reached, or this worker does not serve the task yet.
        """
        annotated = _read(record)
        bench = self.benches.get(annotated.sample.task)
        if bench is None:
            raise Unavailable(f"task {annotated.sample.task!r} is not served by this judge")
        verdict, missing = await self._verdict(bench, annotated)
        body = {name: getattr(annotated, name) for name in Annotated.model_fields}
        message = Judged.model_construct(
            **body, verdict=verdict, verdict_missing=missing, policy=bench.policy()
        )
        return [Output(self.topics.verdicts, record.key, message.encode())]

    async def _verdict(
        self, bench: Bench, annotated: Annotated
    ) -> tuple[Verdict | None, Missing | None]:
        annotation, judge = annotated.annotation, bench.judge
        if annotation is None:
            return None, Missing(why="not_annotated")
        if judge is None:
            return None, Missing(why="not_judged", detail="the task has no judge")
        return await attempted(lambda: judge.judge(annotated.sample, annotation), self.attempts)


def identify(record: Incoming) -> Identity:
    """The sample behind a record of `annotations` or a later topic, for dead letters."""
    try:
        annotated = _read(record)
    except InvalidRecord:
        return Identity("", record.source)
    sample = annotated.sample
    return Identity(annotated.sample_key, annotated.source, sample.task, sample.run)


def _read(record: Incoming) -> Annotated:
    try:
        return Annotated.model_validate_json(record.value)
    except ValidationError as exc:
        message = f"not a record of `annotations`: {exc.error_count()} errors"
        raise InvalidRecord(message) from exc
