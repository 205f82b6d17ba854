"""Waiting until everything that was sent has come to its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.errors import Unavailable
from streams.store.client import Store
from streams.store.figures.ledger import Ledger, ledger, stuck
from streams.store.figures.scope import Scope

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 180.0
_NAMED = 5

Watch = Callable[[Ledger], None]


@dataclass(frozen=True)
class Awaited:
    """What is waited for.

    Attributes:
        samples: how many different samples were sent.
        reviewed: samples sent to people must have come back too.
    """

    samples: int
    reviewed: bool = False

    def over(self, books: Ledger) -> bool:
        """All samples came in, and none is on its way."""
        waiting = books.states["awaiting_review"] if self.reviewed else 0
        return books.samples_in >= self.samples and not books.in_flight and not waiting


async def until_settled(store: Store, scope: Scope, awaited: Awaited, watch: Watch) -> Ledger:
    """The books, once nothing is in flight; `watch` sees them each time they are looked at.

    Raises:
        Unavailable: nothing moved for three minutes; names some of the samples in flight.
    """
    clock = asyncio.get_running_loop().time
    before, moved = None, clock()
    while True:
        books = await asyncio.to_thread(ledger, store, scope)
        watch(books)
        if awaited.over(books):
            return books
        if books != before:
            before, moved = books, clock()
        elif clock() - moved > PATIENCE_SECONDS:
            raise Unavailable(_stuck(store, scope, awaited, books))
        await asyncio.sleep(LOOK_SECONDS)


def _stuck(store: Store, scope: Scope, awaited: Awaited, books: Ledger) -> str:
    found = stuck(store, scope, datetime.now(UTC) + timedelta(hours=1))
    names = ", ".join(repr(name) for name in found["id"].head(_NAMED)) if len(found) else ""
    return (
        f"nothing moved for {PATIENCE_SECONDS:.0f} s: {books.samples_in:,} of {awaited.samples:,} "
        f"samples came in, {books.in_flight:,} are in flight ({names}); "
        "`tidegauge doctor` and the logs say why"
    )
