"""What the store holds, asked for with SQL of the drill's own."""

import json
from datetime import UTC, datetime
from typing import Any

from models.rows import precedence
from models.sample import Source
from streams.store.client import Store
from streams.store.writer import KINDS
from tests.drills.topic_log import Logged

IDENTITIES = {
    "samples": "sample_key",
    "results": "sample_key",
    "reviews": "result_id",
    "decisions": "decision_id",
    "outcomes": "result_id",
    "dead_letters": "letter_id",
    "alarms": "(alarm_id, state)",
}
"""What must be different in every row of a table."""


def positions(store: Store) -> dict[str, dict[int, float]]:
    """When the row of each position was stored (ms), by the topic's word; repeats are rows.

    Outcomes lie on `decisions`.
    """
    found: dict[str, dict[int, float]] = {}
    for word in KINDS:
        rows = store.query(f"SELECT DISTINCT precedence FROM {word}")
        written = {row["precedence"] for row in rows}
        firsts = _stored_at(store, "first_records", word)
        at = {position: moment for position, moment in firsts.items() if position in written}
        found[word] = at | _stored_at(store, "repeats", word)
    found["decisions"] |= found.pop("outcomes")
    return found


def _stored_at(store: Store, table: str, word: str) -> dict[int, float]:
    sql = f"""
        SELECT precedence, min(toUnixTimestamp64Milli(stored_at)) AS at FROM {table}
        WHERE topic = {{topic:String}} GROUP BY precedence"""
    return {row["precedence"]: row["at"] for row in store.query(sql, {"topic": word})}


def precedence_of(record: Logged) -> int:
    """What a row says of the position of its record."""
    source = Source(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.at / 1000, UTC),
    )
    return precedence(source)


def result_keys(store: Store) -> set[str]:
    """The samples that have a result."""
    return {row["sample_key"] for row in store.query("SELECT sample_key FROM results FINAL")}


def buried(store: Store, topic: str) -> set[tuple[int, int]]:
    """Partition and offset of the records of a topic that became dead letters."""
    rows = store.query("SELECT topic, partition, offset FROM dead_letters FINAL")
    return {(row["partition"], row["offset"]) for row in rows if row["topic"] == topic}


def excess(store: Store) -> int:
    """Rows beyond one for each identity, over all tables."""
    found = 0
    for table, identity in IDENTITIES.items():
        sql = f"SELECT count() - uniqExact({identity}) AS n FROM {table} FINAL"
        found += int(store.query(sql)[0]["n"])
    return found


def detector_states(store: Store) -> dict[str, dict[str, Any]]:
    """The detectors' last state of each slice."""
    rows = store.query("SELECT slice, state FROM snapshots FINAL")
    return {row["slice"]: json.loads(row["state"]) for row in rows}
