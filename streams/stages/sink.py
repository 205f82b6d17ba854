"""Sink: from `samples`, `results` and what people and detectors say to the store's tables."""

from datetime import UTC, datetime

from streams.delivery.batches import Batch
from streams.intake import SampleForm
from streams.store.client import AsyncStore
from streams.store.sink import Sink
from streams.topics import Topics
from streams.vitals import Vitals


class SinkStage:
    """Works batches of everything that becomes rows."""

    def __init__(self, store: AsyncStore, topics: Topics, form: SampleForm, vitals: Vitals) -> None:
        """Bind to the store."""
        self.sink = Sink(store, topics, form, lambda: datetime.now(UTC))
        self.vitals = vitals

    @property
    def topics_read(self) -> tuple[str, ...]:
        """The topics it stores."""
        return self.sink.topics

    async def work(self, batch: Batch) -> bool:
        """Write a batch; what it returns true for can be read in the store."""
        if batch.records:
            written = await self.sink.write(batch.records)
            self.vitals.emitted += written.stored
            self.vitals.skipped += written.repeats
            self.vitals.dead_letters += written.letters
        return True
