"""First records: which position of a key on its topic came first, asked for whole batches.

A first position never changes once it is recorded, so it may be remembered for as long as there is
room; a key that is not remembered is always asked for.
"""

import re
from collections.abc import Iterable, Sequence

from cachetools import LRUCache

from models.identity import digest
from models.rows import FirstRow
from streams.store.client import AsyncStore

FirstKey = tuple[str, int]
"""The flow's word for a topic, and a key on it as a number (`number_of`)."""

REMEMBERED = 50_000
ASKED_AT_ONCE = 2000
"""Keys in one question: a form field of ClickHouse's HTTP interface takes 128 KB."""

_DIGEST = re.compile(r"[0-9a-f]{32}")

SQL = """
    SELECT key, max(precedence) AS first FROM first_records
    WHERE topic = {topic:String} AND key IN {keys:Array(UInt128)} GROUP BY key"""


def number_of(key: str) -> int:
    """A record's key as the 128-bit number it is looked up by.

    >>> number_of("00000000000000000000000000000010"), number_of("not hex") < 2**128
    (16, True)
    """
    return int(key if _DIGEST.fullmatch(key) else digest("key", key), 16)


class FirstRecords:
    """The first positions, as precedences: in the store, the latest ones also in memory."""

    def __init__(self, store: AsyncStore, remembered: int = REMEMBERED) -> None:
        """Start with an empty memory."""
        self._store = store
        self._memory: LRUCache[FirstKey, int] = LRUCache(remembered)

    async def known(self, keys: Iterable[FirstKey]) -> dict[FirstKey, int]:
        """The precedence of the first position of each key that has one.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found: dict[FirstKey, int] = {}
        asked: dict[str, list[int]] = {}
        for name in dict.fromkeys(keys):
            first = self._memory.get(name)
            if first is None:
                topic, key = name
                asked.setdefault(topic, []).append(key)
            else:
                found[name] = first
        for topic, strangers in asked.items():
            for start in range(0, len(strangers), ASKED_AT_ONCE):
                found |= await self._ask(topic, strangers[start : start + ASKED_AT_ONCE])
        self._memory.update(found)
        return found

    async def record(self, firsts: Sequence[FirstRow]) -> None:
        """Make these the first positions of their keys, which had none.

        Raises:
            StoreUnavailable: the store does not answer; they may be recorded or not.
        """
        await self._store.insert(firsts)
        self._memory.update({(row.topic, row.key): row.precedence for row in firsts})

    async def _ask(self, topic: str, keys: Sequence[int]) -> dict[FirstKey, int]:
        rows = await self._store.query(SQL, {"topic": topic, "keys": list(keys)})
        return {(topic, row["key"]): row["first"] for row in rows}
