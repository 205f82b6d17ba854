"""A record as it comes in, and a record to put out: all that a stage sees of Kafka."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.sample import Source

Headers = tuple[tuple[str, bytes], ...]

REPLAY_OF = "tidegauge-replay-of"
EVENT_TIME = "tidegauge-event-time"
"""Headers of a replayed dead letter: whose state it is, and when that sample came in (ms)."""

LATEST = 7_258_118_400.0
"""The year 2200: no timestamp counts as later, whatever unit its producer thought in."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record read from Kafka.

    Attributes:
        null: the value was null (a tombstone); `value` is empty then.
    """

    source: Source
    key: bytes | None
    value: bytes
    headers: Headers = ()
    null: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One record to send.

    Attributes:
        follow: it goes to the partition number of its input, not where its key hashes to.
    """

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()
    follow: bool = True


Send = Callable[[Sequence[Output]], Awaitable[None]]
"""Returns once the broker has stored all of them."""


def incoming(record: Any, incarnation: int) -> Incoming:
    """A Faust message or an aiokafka record as an `Incoming`.

    Faust's timestamps are seconds, aiokafka's milliseconds; a missing one counts as the epoch, so
    that a replay sees the same time. A replayed dead letter keeps the time its sample came in.
    """
    stamp = record.timestamp or 0
    headers = headers_of(record.headers)
    original = header(headers, EVENT_TIME) if header(headers, REPLAY_OF) else None
    if original and original.isdigit():
        stamp = int(original[:20])
    seconds = stamp / 1000 if isinstance(stamp, int) else stamp
    source = Source.model_construct(
        incarnation=incarnation,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), UTC),
    )
    value = record.value
    return Incoming(source, record.key, value or b"", headers, value is None)


def headers_of(raw: Any) -> Headers:
    """Headers as pairs, whatever form the client gives them in; null values become empty."""
    pairs: Iterable[Any] = raw.items() if hasattr(raw, "items") else raw or ()
    return tuple((str(name), value or b"") for name, value in pairs)


def header(headers: Headers, name: str) -> bytes | None:
    """The last value under a name, or none."""
    return next((value for key, value in reversed(headers) if key == name), None)
