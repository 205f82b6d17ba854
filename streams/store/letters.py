"""Dead letters that can be sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.dead_letter import REPLAY_LIMIT
from streams.store.client import Store

ALL_LIMIT = 10_000

_SAMPLE = "if(sample_key = '', letter_id, sample_key)"
"""Letters of one sample belong together; a record that belongs to no sample stands alone."""


@dataclass(frozen=True)
class StoredLetter:
    """One dead letter as it is stored; `key` and `body` are base64.

    Attributes:
        event_time: of the sample behind it; a letter's replay keeps it.
        replays: how often the sample behind it has been sent again, by whichever of its letters.
        later: its sample has come to a state beyond `dead_lettered` since.
    """

    letter_id: str
    sample_key: str
    event_time: datetime
    at: datetime
    stage: str
    task: str
    topic: str
    partition: int
    offset: int
    error: str
    detail: str
    attempts: int
    length: int
    complete: bool
    null: bool
    replays: int
    later: bool
    key: str
    body: str

    @property
    def obstacle(self) -> str:
        """Why it cannot be sent again, empty when it can."""
        if not self.complete:
            return f"only the head of its {self.length:,} bytes was kept; send the sample anew"
        if self.replays >= REPLAY_LIMIT:
            return f"sent again {self.replays} times already, which is the limit"
        return ""


def letters(store: Store, prefixes: Sequence[str]) -> list[StoredLetter]:
    """The letters whose id starts with one of the prefixes, oldest first."""
    sql = _letters("arrayExists(p -> startsWith(letter_id, p), {prefixes:Array(String)})")
    return [_letter(row) for row in store.query(sql, {"prefixes": list(prefixes)})]


def replayable(store: Store) -> list[StoredLetter]:
    """The newest letter of each sample that is still dead-lettered and may be sent again.

    A fixed list: letters that its replay causes are not on it. Oldest first, at most 10,000.
    """
    sql = f"""
        SELECT * FROM (SELECT * FROM ({_letters("1")}) ORDER BY at DESC LIMIT 1 BY {_SAMPLE})
        WHERE NOT later AND complete AND replays < {REPLAY_LIMIT}
        ORDER BY at, letter_id LIMIT {ALL_LIMIT}"""
    return [_letter(row) for row in store.query(sql, {})]


def _letters(condition: str) -> str:
    computed = {"replays", "later"}
    names = [name for name in StoredLetter.__dataclass_fields__ if name not in computed]
    plain = ", ".join(f"`{name}`" for name in names)
    return f"""
        SELECT {plain}, most AS replays, sample_key IN (SELECT sample_key FROM results) AS later
        FROM (SELECT *, max(replays) OVER (PARTITION BY {_SAMPLE}) AS most FROM dead_letters FINAL)
        WHERE {condition}
        ORDER BY at, letter_id"""


def _letter(row: dict[str, Any]) -> StoredLetter:
    return StoredLetter(**row | {"later": bool(row["later"])})
