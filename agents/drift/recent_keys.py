"""Which samples were met lately, so that a repeat updates nothing."""

import base64
import hashlib
from collections import OrderedDict
from typing import Any, Self

KEY_LIMIT = 100_000
"""Keys remembered at most."""

HOURS = 24
"""How long a key is remembered at least, while the limit allows."""

_WIDTH = 5


class RecentKeys:
    """The keys met in the last 24 hours of event time, at most 100,000 of them.

    A key is kept as a hash of 5 bytes: a stranger is mistaken for a repeat with a probability
    below 1e-7. Time is counted in hours and moves on by at most one hour a key, so a record stamped
    years ahead cannot make everything forgotten; keys are then kept longer, never shorter.

    >>> keys = RecentKeys()
    >>> keys.repeated("a", at=0.0), keys.repeated("b", at=1.0), keys.repeated("a", at=2.0)
    (False, False, True)
    """

    def __init__(self) -> None:
        """Start knowing no key."""
        self._hours: OrderedDict[bytes, int] = OrderedDict()
        self._now: int | None = None

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._hours)

    def repeated(self, key: str, at: float) -> bool:
        """Whether the key was met before; it has been met from now on (`at` in seconds)."""
        mark = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_WIDTH).digest()
        now = self._advance(int(at // 3600))
        if mark in self._hours:
            return True
        self._hours[mark] = now
        self._forget(now - HOURS)
        return False

    def state(self) -> dict[str, Any]:
        """The keys of each hour, oldest first, joined and in base64."""
        hours: dict[int, list[bytes]] = {}
        for mark, hour in self._hours.items():
            hours.setdefault(hour, []).append(mark)
        packed = [[hour, base64.b64encode(b"".join(m)).decode()] for hour, m in hours.items()]
        return {"now": self._now, "hours": packed}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The memory `state` was taken from."""
        keys = cls()
        keys._now = state["now"]
        for hour, packed in state["hours"]:
            marks = base64.b64decode(packed)
            for start in range(0, len(marks), _WIDTH):
                keys._hours[marks[start : start + _WIDTH]] = hour
        return keys

    def _advance(self, hour: int) -> int:
        self._now = hour if self._now is None else max(self._now, min(hour, self._now + 1))
        return self._now

    def _forget(self, before: int) -> None:
        while self._hours:
            oldest = next(iter(self._hours))
            if len(self._hours) <= KEY_LIMIT and self._hours[oldest] >= before:
                return
            del self._hours[oldest]
