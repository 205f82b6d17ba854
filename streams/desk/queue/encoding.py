"""How times and texts are written into the queue's tables."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
HOUR_MS = 3_600_000


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch.

    >>> ms(datetime(1970, 1, 1, 0, 0, 1, 1999, tzinfo=UTC))
    1001
    """
    return (moment - EPOCH) // MS


def moment(at: int) -> datetime:
    """The time in UTC.

    >>> moment(1001)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 1000, tzinfo=datetime.timezone.utc)
    """
    return EPOCH + at * MS


def some_moment(at: int | None) -> datetime | None:
    """The time in UTC, none if there was none."""
    return None if at is None else moment(at)


def packed(content: Any) -> bytes:
    r"""JSON in ASCII: any text, a NUL or half a surrogate pair too, comes back as it was.

    >>> packed(["\0"]), unpacked(packed("\ud800")) == "\ud800"
    (b'["\\u0000"]', True)
    """
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def unpacked(stored: bytes) -> Any:
    """What `packed` wrote."""
    return json.loads(stored)


def to_read(*texts: str | None) -> int:
    """How many characters a reviewer has to read.

    >>> to_read("text", None, "response")
    12
    """
    return sum(len(text) for text in texts if text is not None)
