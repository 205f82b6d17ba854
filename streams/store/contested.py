"""Keys that two sinks took for their own at the same time: one first record is left.

A sink claims a position, writes its rows, and then reads all claims to the key. Of two that did so
at once, at least one reads the other's claim after the other's rows were written, whatever the
order: it deletes the rows of every claim but the one that holds, and counts those records as
repeats.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from models.rows import RepeatRow, place_of
from streams.store.client import AsyncStore
from streams.store.first_records import Claims
from streams.store.writer import Entry, Kind

KEY_COLUMNS: Mapping[Kind, str] = {
    "samples": "sample_key",
    "results": "sample_key",
    "reviews": "result_id",
    "decisions": "decision_id",
    "outcomes": "result_id",
    "dead_letters": "letter_id",
}
"""The column that identifies a row of each table; equal states of an alarm merge by themselves."""


async def leave_one(
    store: AsyncStore,
    contested: Sequence[tuple[Entry, Claims]],
    stored_at: datetime,
) -> list[RepeatRow]:
    """Delete the rows of the claims that do not hold; their records as repeats, yet to be stored.

    Raises:
        StoreUnavailable: the store does not answer; doing it again does no harm.
    """
    for kind, column in KEY_COLUMNS.items():
        mine = [(entry, claims) for entry, claims in contested if entry.kind == kind]
        if mine:
            sql = f"""
                DELETE FROM {kind} WHERE {column} IN {{keys:Array(String)}}
                  AND precedence IN {{losers:Array(UInt128)}}"""
            losers = [claim.precedence for _, claims in mine for claim in claims[1:]]
            keys = [entry.key for entry, _ in mine]
            await store.command(sql, {"keys": keys, "losers": losers})
    return [row for entry, claims in contested for row in _repeats(entry, claims, stored_at)]


def _repeats(entry: Entry, claims: Claims, stored_at: datetime) -> list[RepeatRow]:
    rows = []
    for claim in claims[1:]:
        incarnation, partition, offset = place_of(claim.precedence)
        rows.append(
            RepeatRow(
                topic=entry.kind,
                key=entry.key,
                run=getattr(entry.row, "run", ""),
                task=getattr(entry.row, "task", ""),
                event_time=claim.event_time,
                incarnation=incarnation,
                partition=partition,
                offset=offset,
                stored_at=stored_at,
                precedence=claim.precedence,
            )
        )
    return rows
