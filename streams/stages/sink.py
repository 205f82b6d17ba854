"""Sink: from `samples`, `results` and what people and detectors say to the store's tables."""

from datetime import UTC, datetime

from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit
from streams.intake import SampleForm
from streams.store.client import AsyncStore
from streams.store.sink import Sink
from streams.topics import Topics
from streams.vitals import Vitals


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
        self.uncounted = {topics.samples, topics.dead_letters}

    @property
    def topics_read(self) -> tuple[str, ...]:
        """The topics it stores."""
        return self.sink.topics

    async def work(self, batch: Batch) -> bool:
        """Write a batch; what it returns true for can be read in the store.

        Raises:
            TooManyDeadLetters: most of what the stages wrote cannot be stored as rows.
        """
        if batch.records:
            written = await self.sink.write(batch.records)
            self.vitals.emitted += written.stored
            self.vitals.skipped += written.repeats
            self.vitals.dead_letters += written.letters
            self._count(batch, written.letters)
        return True

    def _count(self, batch: Batch, letters: int) -> None:
        counted = sum(record.source.topic not in self.uncounted for record in batch.records)
        self.limit.settled(max(0, counted - letters))
        self.limit.buried(min(letters, counted), "unreadable or refused by the store")
