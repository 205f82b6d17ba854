"""Deterministic traffic with everything that real traffic does wrong; what was sent is the truth.

Every 50th record is no sample at all, every 40th sample is sent twice in a row, every 70th id comes
again with another text, and every seventh sample is stamped hours early or late.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.identity import draw

LABELS = ("ham", "spam", "news")
LANGUAGES = ("en", "de", "fr", "it")
REFUSED = "<no answer to this>"
POISON_EVERY = 50
TWICE_EVERY = 40
REUSED_EVERY = 70
SKEWED_EVERY = 7
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Sent:
    """One record for `samples`.

    Attributes:
        name: the sample's id and text, the same for every copy; None: no sample, each is its own.
        at: its timestamp in milliseconds.
    """

    key: bytes
    value: bytes
    at: int
    name: tuple[str, str] | None

    @property
    def number(self) -> int:
        """The number in its key."""
        return int(self.key.removeprefix(b"s"))


def text_of(number: int) -> str:
    """The text of a sample: no two are equal."""
    return f"message {number}: {draw(str(number), 'text'):.9f}"


def label_of(text: str) -> str:
    """The known label of a text: what the scripted model is told, and the sample's reference."""
    return LABELS[int(draw(text, "label") ** 2 * len(LABELS))]


def sample(number: int, at: int, text: str = "") -> Sent:
    """One good sample; the same number makes the same one, but for its timestamp."""
    shown = text or text_of(number)
    body = {
        "id": f"s{number}",
        "text": shown,
        "tags": {"lang": LANGUAGES[number % len(LANGUAGES)], "n": str(number)},
        "reference": label_of(shown),
    }
    return Sent(f"s{number}".encode(), json.dumps(body).encode(), at, (f"s{number}", shown))


def poison(number: int, at: int) -> Sent:
    """A record that is no sample, in one of several ways."""
    forms = (b"{", b"\xff\xfe not text", b'{"id": "x"}', b"null", b'{"id": 1, "text": 2}')
    return Sent(f"s{number}".encode(), forms[number % len(forms)], at, None)


def refused(number: int, at: int) -> Sent:
    """A sample that the model answers with HTTP 400."""
    return sample(number, at, f"{REFUSED} {text_of(number)}")


def traffic(first: int, count: int, now: int) -> Iterator[Sent]:
    """`count` samples numbered from `first`, with poison, copies and reused ids between them."""
    for number in range(first, first + count):
        at = now + (number % 5 - 2) * HOUR_MS if number % SKEWED_EVERY == 0 else now
        yield sample(number, at)
        if number % POISON_EVERY == 0:
            yield poison(number, now)
        if number % TWICE_EVERY == 0:
            yield sample(number, at)
        if number % REUSED_EVERY == 0:
            yield sample(number, now, f"another text under one id: {text_of(number)}")


def again(sent: Sequence[Sent], count: int, now: int) -> Iterator[Sent]:
    """Copies of `count` samples spread over what was sent, stamped five hours after now."""
    good = [record for record in sent if record.name is not None]
    step = max(1, len(good) // max(1, count))
    for record in good[::step][:count]:
        yield Sent(record.key, record.value, now + 5 * HOUR_MS, record.name)


def key_lines(first: int, last: int) -> Iterator[str]:
    """The scripted model's key for all numbers in the range: the known label of each text."""
    for number in range(first, last):
        for text in (text_of(number), f"another text under one id: {text_of(number)}"):
            yield json.dumps({"text": text, "label": label_of(text)}) + "\n"
