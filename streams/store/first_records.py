"""First records: which position of a key on its topic came first, asked for whole batches.

Who takes a position for the first of its key claims it here before writing rows. Two sinks that
meet one key at the same time in two partitions may both do so; the claim with the highest
precedence holds (`streams.store.contested` corrects the other's rows).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cachetools import LRUCache

from models.identity import digest
from models.rows import FirstRow
from streams.store.client import AsyncStore

FirstKey = tuple[str, int]
"""The kind of record (`streams.store.writer.Kind`), and its key as a number (`number_of`)."""

REMEMBERED = 50_000
ASKED_AT_ONCE = 2000
"""Keys in one question: a form field of ClickHouse's HTTP interface takes 128 KB."""

_DIGEST = re.compile(r"[0-9a-f]{32}")

SQL = """
    SELECT topic, key, precedence FROM first_records
    WHERE topic IN {topics:Array(String)} AND key IN {keys:Array(UInt128)}"""

DETAILS = """
    SELECT topic, key, precedence, min(stored_at) AS stored, min(event_time) AS event
    FROM first_records WHERE topic IN {topics:Array(String)} AND key IN {keys:Array(UInt128)}
    GROUP BY topic, key, precedence"""

RELEASE = """
    DELETE FROM first_records WHERE topic = {topic:String} AND key IN {keys:Array(UInt128)}
      AND precedence IN {claimed:Array(UInt128)}"""


class Claim(NamedTuple):
    """A position that was taken for the first of its key.

    Attributes:
        stored_at: when it was claimed, which is what the key's rows say too.
        event_time: the event time of the record there.
    """

    precedence: int
    stored_at: datetime
    event_time: datetime


Claims = tuple[Claim, ...]
"""All claims to one key, the one that holds first; mostly there is one."""


class Known(NamedTuple):
    """What is known of the keys of a batch.

    Attributes:
        held: the precedence of the claim that holds, of each key that has one.
        claims: all claims to those keys whose record in the batch is at a claimed position.
    """

    held: Mapping[FirstKey, int]
    claims: Mapping[FirstKey, Claims]


def number_of(key: str) -> int:
    """A record's key as the 128-bit number it is looked up by.

    >>> number_of("00000000000000000000000000000010"), number_of("not hex") < 2**128
    (16, True)
    """
    return int(key if _DIGEST.fullmatch(key) else digest("key", key), 16)


class FirstRecords:
    """The first positions: in the store, the latest ones also in memory."""

    def __init__(self, store: AsyncStore, remembered: int = REMEMBERED) -> None:
        """Start with an empty memory."""
        self._store = store
        self._memory: LRUCache[FirstKey, int] = LRUCache(remembered)

    async def known(self, met: Iterable[tuple[FirstKey, int]]) -> Known:
        """What is known of keys that were met at a position each, told as its precedence.

        Memory answers for keys met elsewhere than at their first position: those are repeats, come
        what may. Whoever is about to write the first record's rows again hears of every claim.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        held: dict[FirstKey, int] = {}
        strangers: list[tuple[FirstKey, int]] = []
        for name, precedence in met:
            first = self._memory.get(name)
            if first is None or first <= precedence:
                strangers.append((name, precedence))
            else:
                held[name] = first
        found = await self._precedences(name for name, _ in strangers)
        held |= {name: max(precedences) for name, precedences in found.items()}
        again = [name for name, precedence in strangers if precedence in found.get(name, ())]
        return Known(held, await self._details(again))

    async def contested(self, names: Iterable[FirstKey]) -> dict[FirstKey, Claims]:
        """The claims to those of the keys that have several.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found = await self._precedences(names)
        return await self._details(
            name for name, precedences in found.items() if len(precedences) > 1
        )

    async def claim(self, firsts: Sequence[FirstRow]) -> None:
        """Claim these positions for their keys.

        Raises:
            StoreUnavailable: the store does not answer; they may be claimed or not.
        """
        await self._store.insert(firsts)

    async def release(self, claimed: Mapping[FirstKey, int]) -> None:
        """Take claims back (by precedence): nothing was stored for them.

        Raises:
            StoreUnavailable: the store does not answer; they may be released or not.
        """
        for topic, keys in _by_topic(claimed).items():
            own = [claimed[topic, key] for key in keys]
            await self._store.command(RELEASE, {"topic": topic, "keys": keys, "claimed": own})
        for name in claimed:
            self._memory.pop(name, None)

    def remember(self, held: Mapping[FirstKey, int]) -> None:
        """Keep in memory which claims hold (by precedence), once their rows are stored."""
        self._memory.update(held)

    async def _precedences(self, names: Iterable[FirstKey]) -> dict[FirstKey, set[int]]:
        found: dict[FirstKey, set[int]] = {}
        for row in await self._rows(SQL, names):
            found.setdefault((row["topic"], row["key"]), set()).add(row["precedence"])
        return found

    async def _details(self, names: Iterable[FirstKey]) -> dict[FirstKey, Claims]:
        found: dict[FirstKey, list[Claim]] = {}
        for row in await self._rows(DETAILS, names):
            claim = Claim(row["precedence"], row["stored"], row["event"])
            found.setdefault((row["topic"], row["key"]), []).append(claim)
        return {name: tuple(sorted(claims, reverse=True)) for name, claims in found.items()}

    async def _rows(self, sql: str, names: Iterable[FirstKey]) -> list[dict[str, Any]]:
        """The rows about these keys; one question for all topics, as each costs a round trip.

        Topics and keys are asked for apart, which takes two thirds of the time of pairs; some keys
        are met on several topics, and what was not asked for is left out.
        """
        asked = list(dict.fromkeys(names))
        found = []
        for start in range(0, len(asked), ASKED_AT_ONCE):
            part = set(asked[start : start + ASKED_AT_ONCE])
            topics, keys = sorted({topic for topic, _ in part}), sorted({key for _, key in part})
            rows = await self._store.query(sql, {"topics": topics, "keys": keys})
            found += [row for row in rows if (row["topic"], row["key"]) in part]
        return found


def _by_topic(names: Iterable[FirstKey]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for topic, key in dict.fromkeys(names):
        found.setdefault(topic, []).append(key)
    return found
