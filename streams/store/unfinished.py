"""Samples that can come to no end any more: their broker is gone, and its memory with it."""

from typing import Any

from streams.store.client import Store

LIMIT = 10_000


def unfinished(store: Store, incarnation: int) -> list[dict[str, Any]]:
    """Samples met on an earlier incarnation of the embedded broker that have no state yet.

    Incarnation 0 is that of a broker that keeps its records. At most 10,000, oldest first.
    """
    sql = f"""
        SELECT * FROM samples FINAL
        WHERE incarnation > 0 AND incarnation < {{incarnation:UInt64}}
          AND sample_key NOT IN (SELECT sample_key FROM results)
          AND sample_key NOT IN (SELECT sample_key FROM dead_letters)
        ORDER BY incarnation, event_time, sample_key LIMIT {LIMIT}"""
    return store.query(sql, {"incarnation": incarnation})
