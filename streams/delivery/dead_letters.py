"""Making a dead letter of a record: one that always fits, and says what happened."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from models.dead_letter import BODY_CAP, BODY_HEAD, HEADER_CAP, DeadLetter
from models.sample import Source
from streams.delivery.records import Headers, Incoming, Output
from streams.intake import replays

LETTER = "tidegauge-letter"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which sample a record stands for in the ledger; an empty key stands for none."""

    sample_key: str
    source: Source
    task: str = ""
    run: str = ""


@dataclass(frozen=True)
class Bury:
    """Makes dead letters for one stage.

    Attributes:
        identify: the sample behind a record, as far as it can be read; must not raise.
        clock: seconds since the epoch.
    """

    topic: str
    stage: str
    identify: Callable[[Incoming], Identity]
    clock: Callable[[], float]

    def __call__(self, record: Incoming, error: BaseException, attempts: int) -> Output:
        """The dead letter of a record: its bytes, cut when too long, and its story in a header."""
        who = self.identify(record)
        value = record.value
        cut = len(value) > BODY_CAP
        letter = DeadLetter(
            stage=self.stage,
            source=record.source,
            sample_key=who.sample_key,
            sample_source=who.source,
            task=who.task,
            run=who.run,
            error=type(error).__name__,
            detail=_printable(str(error))[:2000],
            attempts=attempts,
            length=len(value),
            sha256=hashlib.sha256(value).hexdigest() if cut else "",
            null=record.null,
            replays=replays(record),
            at=datetime.fromtimestamp(self.clock(), UTC),
        )
        kept = _kept(record.headers)
        story = (LETTER, letter.model_dump_json().encode())
        body = value[:BODY_HEAD] if cut else value
        return Output(self.topic, _short(record.key), body, (*kept, story))


def _kept(headers: Headers) -> Headers:
    size = sum(len(name) + len(value) for name, value in headers)
    return headers if size <= HEADER_CAP else ()


def _short(key: bytes | None) -> bytes | None:
    return hashlib.sha256(key).digest() if key and len(key) > HEADER_CAP else key


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
