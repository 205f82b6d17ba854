"""What was spent: the sum of the rows that every process writes as it goes."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.rows import SpendRow
from streams.store.client import AsyncStore

SQL = "SELECT task, sum(usd) AS spent FROM spend FINAL WHERE day = {day:Date} GROUP BY task"


async def append(store: AsyncStore, rows: Sequence[SpendRow]) -> None:
    """Add to the books; a row with a session and number that are there already replaces that row.

    Raises:
        StoreUnavailable: the store does not answer; write the same numbers again.
    """
    await store.insert(rows)


async def today(store: AsyncStore, moment: datetime) -> dict[str, float]:
    """US dollars spent on each task in the UTC day of a moment, all processes and runs together.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = await store.query(SQL, {"day": moment.astimezone(UTC).date()})
    return {row["task"]: row["spent"] for row in rows}
