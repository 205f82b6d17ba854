"""Sink: from `samples`, `results` and what people and detectors say to the store's tables."""

from datetime import UTC, datetime

from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.intake import SampleForm
from streams.process.vitals import Vitals
from streams.store.client import AsyncStore
from streams.store.sink import Sink, Written
from streams.store.writer import Kind
from streams.topics import Topics

BY_STAGES: tuple[Kind, ...] = ("results", "reviews", "alarms")
"""What only stages write: a letter of these speaks of a fault of ours, not of a producer's."""


class SinkStage:
    """Works batches of everything that becomes rows."""

    def __init__(
        self,
        store: AsyncStore,
        topics: Topics,
        form: SampleForm,
        vitals: Vitals,
        limit: DeadLetterLimit,
    ) -> None:
        """Bind to the store; the limit is on letters among what other stages wrote."""
        self.sink = Sink(store, topics, form, lambda: datetime.now(UTC))
        self.vitals = vitals
        self.limit = limit
        self.counted = {getattr(topics, kind) for kind in BY_STAGES}
        self.over: TooManyDeadLetters | None = None

    @property
    def topics_read(self) -> tuple[str, ...]:
        """The topics it stores."""
        return self.sink.topics

    async def work(self, batch: Batch) -> bool:
        """Write a batch; what it returns true for can be read in the store.

        Raises:
            TooManyDeadLetters: most of what the stages wrote could not be stored as rows, the last
                batch included: that one may be committed, and this one is untouched.
        """
        if self.over is not None:
            raise self.over
        if batch.records:
            written = await self.sink.write(batch.records)
            self.vitals.emitted += written.stored
            self.vitals.skipped += written.repeats
            self.vitals.dead_letters += sum(written.letters.values())
            self._count(batch, written)
        return True

    def _count(self, batch: Batch, written: Written) -> None:
        counted = sum(record.source.topic in self.counted for record in batch.records)
        letters = sum(written.letters.get(kind, 0) for kind in BY_STAGES)
        self.limit.settled(counted - letters)
        try:
            self.limit.buried(letters, "unreadable or refused by the store")
        except TooManyDeadLetters as exc:
            self.over = exc
