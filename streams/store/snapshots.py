"""Detector states in the store: of each slice, the one that has met most wins.

A stage that lost its partition and writes late has met fewer records, so it overwrites nothing.
"""

from collections.abc import Mapping, Sequence

from models.rows import SnapshotRow
from streams.store.client import AsyncStore

Slice = tuple[str, str]
"""A task and one of its slices."""

SQL = f"""
    SELECT {", ".join(f"`{name}`" for name in SnapshotRow.model_fields)} FROM snapshots FINAL
    WHERE task IN {{tasks:Array(String)}} AND slice IN {{slices:Array(String)}}"""


async def load(store: AsyncStore, wanted: Sequence[Slice]) -> Mapping[Slice, SnapshotRow]:
    """The newest snapshot of each slice that has one.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if not wanted:
        return {}
    parameters = {
        "tasks": sorted({task for task, _ in wanted}),
        "slices": sorted({name for _, name in wanted}),
    }
    rows = [SnapshotRow(**row) for row in await store.query(SQL, parameters)]
    return {(row.task, row.slice): row for row in rows if (row.task, row.slice) in set(wanted)}


async def save(store: AsyncStore, snapshots: Sequence[SnapshotRow]) -> None:
    """Store snapshots; one that has met fewer records than a stored one changes nothing.

    Raises:
        StoreUnavailable: the store does not answer; saving them again does no harm.
    """
    await store.insert(snapshots)
