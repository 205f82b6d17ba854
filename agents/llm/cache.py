"""Answers to identical samples, remembered for a short while."""

from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

from models.identity import digest
from models.record import Version
from models.sample import Sample

Remembered = TypeVar("Remembered")

ENTRIES = 20_000


class AnswerCache(Generic[Remembered]):
    """A bounded cache whose entries live for `seconds`; 0 remembers nothing."""

    def __init__(self, seconds: float, clock: Callable[[], float], entries: int = ENTRIES) -> None:
        """Entries die by `clock`, in seconds; the least recently used goes first when full."""
        size = entries if seconds > 0 else 0
        self._entries: TTLCache[str, Remembered] = TTLCache(size, max(seconds, 1e-9), clock)

    def get(self, key: str) -> Remembered | None:
        """What is remembered under this key."""
        found: Remembered | None = self._entries.get(key)
        return found

    def put(self, key: str, answer: Remembered) -> None:
        """Remember an answer."""
        if self._entries.maxsize > 0:
            self._entries[key] = answer


def cache_key(asked: Version, sample: Sample, *more: str) -> str | None:
    """The key of a question about a sample, null where a fresh answer is the point.

    Evaluations and canaries measure the model, so they always ask it.
    """
    if sample.provenance in ("evaluation", "canary"):
        return None
    return digest(asked.hash, sample.text, sample.context or "", sample.response or "", *more)
