"""One sample's whole story: what came in, what it came to, who looked, what went wrong."""

from dataclasses import dataclass
from typing import Any

from streams.store.client import Store

Row = dict[str, Any]

ASIDE = ("gold", "repeat")
"""Roles of decisions that say nothing of a sample."""


@dataclass(frozen=True)
class Story:
    """Everything stored about one sample; each part oldest first, empty when there is none.

    Attributes:
        sample: the sample as it came in, null when only later records are known.
        decisions: answers to the sample itself; the same reviewer's answer to a repeat is none.
        outcomes: what its items came to, one for each result that people were asked about.
        alarms: alarms (in their present state) that cite the sample as an example.
        repeats: later records of the sample or of what was made of it.
    """

    sample_key: str
    sample: Row | None
    result: Row | None
    reviews: tuple[Row, ...]
    decisions: tuple[Row, ...]
    outcomes: tuple[Row, ...]
    dead_letters: tuple[Row, ...]
    repeats: tuple[Row, ...]
    alarms: tuple[Row, ...]

    @property
    def known(self) -> bool:
        """Anything at all is stored under this key."""
        return bool(self.sample or self.result or self.dead_letters)


def story(store: Store, sample_key: str) -> Story:
    """What is stored about the sample with this key."""
    samples = _rows(store, "samples", sample_key)
    results = _rows(store, "results", sample_key)
    said = _rows(store, "decisions", sample_key)
    decisions = tuple(row for row in said if row["role"] not in ASIDE)
    letters = _rows(store, "dead_letters", sample_key)
    result = results[0] if results else None
    return Story(
        sample_key=sample_key,
        sample=samples[0] if samples else None,
        result=result,
        reviews=_reviews(store, result),
        decisions=decisions,
        outcomes=_rows(store, "outcomes", sample_key),
        dead_letters=letters,
        repeats=_repeats(store, _keys(sample_key, result, decisions, letters)),
        alarms=_alarms(store, sample_key),
    )


_ORDER = {
    "samples": "event_time",
    "results": "event_time",
    "decisions": "decided_at",
    "outcomes": "at",
    "dead_letters": "at",
}


def _rows(store: Store, table: str, sample_key: str) -> tuple[Row, ...]:
    sql = f"""
        SELECT * FROM {table} FINAL WHERE sample_key = {{key:String}}
        ORDER BY {_ORDER[table]}, precedence DESC"""
    return tuple(store.query(sql, {"key": sample_key}))


def _reviews(store: Store, result: Row | None) -> tuple[Row, ...]:
    if result is None:
        return ()
    sql = """
        SELECT * FROM reviews FINAL
        WHERE run = {run:String} AND task = {task:String} AND result_id = {result:String}
          AND toUnixTimestamp64Milli(event_time) = {at:Int64}"""
    at = round(result["event_time"].timestamp() * 1000)
    parameters = {"run": result["run"], "task": result["task"], "result": result["result_id"]}
    return tuple(store.query(sql, parameters | {"at": at}))


def _keys(
    sample_key: str, result: Row | None, decisions: tuple[Row, ...], letters: tuple[Row, ...]
) -> list[str]:
    keys = [sample_key]
    if result:
        keys += [result[name] for name in ("result_id", "annotation_id", "verdict_id")]
    keys += [row["decision_id"] for row in decisions] + [row["letter_id"] for row in letters]
    return [key for key in keys if key]


def _repeats(store: Store, keys: list[str]) -> tuple[Row, ...]:
    sql = """
        SELECT topic, event_time, partition, offset FROM repeats FINAL
        WHERE key IN {keys:Array(String)}
        ORDER BY incarnation, topic, partition, offset LIMIT 100"""
    return tuple(store.query(sql, {"keys": keys}))


def _alarms(store: Store, sample_key: str) -> tuple[Row, ...]:
    sql = """
        SELECT signal, slice, alarm_id, at, state FROM alarms FINAL
        WHERE has(examples, {key:String}) ORDER BY at DESC LIMIT 1 BY alarm_id"""
    return tuple(store.query(sql, {"key": sample_key}))
