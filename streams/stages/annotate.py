"""Annotate: from `samples` to `annotations`, or to dead letters what is no sample."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from models.annotation import Annotated, Annotation, Missing
from models.errors import (
    BadAnswer,
    BudgetExhausted,
    InvalidRecord,
    ModelRefused,
    ModelTimeout,
    Unavailable,
)
from models.identity import draw
from models.record import Version
from models.rows import Action
from models.sample import Sample
from models.task import Task
from streams.delivery.dead_letters import Identity
from streams.delivery.records import Incoming, Output
from streams.intake import Intake, SampleForm, read_sample, unreadable_key
from streams.topics import Topics

Answer = TypeVar("Answer")

RATE_SALT = "sample-rate"


class Annotates(Protocol):
    """An annotator bound to one task."""

    @property
    def version(self) -> Version:
        """Name and content hash."""

    async def annotate(self, sample: Sample, sample_key: str) -> Annotation:
        """The labels of one sample, or an error of `models.errors`."""


@dataclass(frozen=True)
class Bench:
    """One task with its annotator."""

    task: Task
    annotator: Annotates


def identify(form: SampleForm, record: Incoming) -> Identity:
    """The sample behind a record of `samples`, for dead letters."""
    try:
        found = read_sample(record, form)
    except InvalidRecord:
        return Identity(unreadable_key(record), record.source)
    return Identity(found.sample_key, record.source, found.sample.task, found.sample.run)


class AnnotateStage:
    """One record of `samples` to one of `annotations`."""

    def __init__(
        self,
        topics: Topics,
        benches: Mapping[str, Bench],
        form: SampleForm,
        control: Callable[[str], Action],
        attempts: int,
    ) -> None:
        """Bind to the tasks served; `control` says whether a task runs, pauses or is stopped."""
        self.topics = topics
        self.benches = benches
        self.form = form
        self.control = control
        self.attempts = attempts

    async def handle(self, record: Incoming) -> Sequence[Output]:
        """The output of one sample.

        Raises:
            InvalidRecord: the record is no sample, or names a task that is not served.
            Unavailable: the task pauses, or the model cannot be reached.
        """
        found = read_sample(record, self.form)
        bench = self._bench(found.sample.task)
        annotation, missing = await self._annotation(bench, found)
        message = Annotated(
            sample_key=found.sample_key,
            source=record.source,
            sample=found.sample,
            task=bench.task.identity,
            annotation=annotation,
            annotation_missing=missing,
        )
        return [Output(self.topics.annotations, record.key, message.encode())]

    def _bench(self, name: str) -> Bench:
        bench = self.benches.get(name)
        if bench is None:
            served = ", ".join(sorted(self.benches))
            raise InvalidRecord(f"task: {name[:100]!r} is not served here; served: {served}")
        return bench

    async def _annotation(
        self, bench: Bench, found: Intake
    ) -> tuple[Annotation | None, Missing | None]:
        task, sample = bench.task, found.sample
        state = self.control(task.name)
        if state == "pause":
            raise Unavailable(f"task {task.name} is paused")
        if state == "stop":
            return None, Missing(why="stopped", detail="the task is stopped")
        skips = draw(found.sample_key, RATE_SALT) >= task.sample_rate
        if skips and sample.provenance != "evaluation":
            return None, Missing(why="sampled_out")
        return await attempted(
            lambda: bench.annotator.annotate(sample, found.sample_key), self.attempts
        )


async def attempted(
    ask: Callable[[], Awaitable[Answer]], attempts: int
) -> tuple[Answer | None, Missing | None]:
    """A model's answer, or why there is none; `Unavailable` passes through, it is no attempt."""
    error: Exception | None = None
    for _ in range(attempts):
        try:
            return await ask(), None
        except ModelTimeout as exc:
            error = exc
        except (BadAnswer, ModelRefused) as exc:
            return None, Missing(why="failed", detail=str(exc)[:2000])
        except BudgetExhausted as exc:
            return None, Missing(why="over_budget", detail=str(exc)[:2000])
    return None, Missing(why="failed", detail=f"{error} ({attempts} attempts)"[:2000])
