"""What every format says, whatever it looks like: items with answers out, answers in.

Whatever is read was written by other programs and by people: nothing in it is believed before it is
checked, and one bad record never hides the others.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.desk import Given
from models.errors import ConfigurationError
from models.review import REASON_LENGTH

AMBIGUOUS = "ambiguous"
LABEL, REASON = "label", "reason"
"""Names of the questions people are asked in other tools."""

LONGEST_SECONDS = 86_400.0
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """One reviewer's answer to one item.

    Attributes:
        reviewer: as the tool names them.
        at: when, null if the tool does not say.
    """

    reviewer: str
    given: Given
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """One item as it leaves the desk.

    Attributes:
        item: the id that its answers come back by.
        version: of the task, under which the sample was labelled.
        suggestion: the annotator's labels; null keeps reviewers blind.
        answers: those that are final, none of an item that still waits.
    """

    item: str
    task: str
    version: str
    text: str
    context: str | None = None
    response: str | None = None
    suggestion: tuple[str, ...] | None = None
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An answer in a file, and where.

    Attributes:
        suggestion_shown: the annotator's labels stood beside the item.
    """

    place: str
    item: str
    answer: Answer
    suggestion_shown: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A place where somebody skipped, or nobody answered yet."""

    place: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A place that cannot be read, and why."""

    place: str
    why: str


Line = Found | Unanswered | Bad


class Unreadable(ValueError):
    """One record does not fit its format; the text says which field and how."""


def text_in(value: object, field: str) -> str:
    """A text that is not blank.

    Raises:
        Unreadable: it is something else.
    """
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f"{field}: expected a text, got {shown(value)}")
    return value


def texts_in(value: object, field: str) -> tuple[str, ...]:
    """One text, or a list of texts.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise Unreadable(f"{field}: expected a list of texts, got {shown(value)}")


def mapping_in(value: object, field: str) -> dict[str, Any]:
    """An object.

    Raises:
        Unreadable: it is something else.
    """
    if not isinstance(value, dict):
        raise Unreadable(f"{field}: expected an object, got {shown(value)}")
    return value


def reviewer_in(value: object, field: str) -> str:
    """A reviewer's name: visible characters, of a length that fits everywhere.

    Raises:
        Unreadable: nobody is named.
    """
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    plain = "".join(c for c in text_in(name, field) if c.isprintable()).strip()
    if not plain:
        raise Unreadable(f"{field}: names nobody")
    return plain[:_NAME_LENGTH]


def seconds_in(value: object) -> float | None:
    """Time spent, null when there is none that can be meant."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LONGEST_SECONDS else None


def moment_in(value: object) -> datetime | None:
    """A moment in UTC, null when there is none; a time without a zone is taken for UTC."""
    found = value if isinstance(value, datetime) else _parsed(value)
    if found is None or not 1970 < found.year < 9999:  # noqa: PLR2004 - what any zone can move
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def given_of(
    labels: Sequence[str], *, ambiguous: bool, reason: str = "", seconds: float | None = None
) -> Given:
    """An answer; one that is ambiguous has no labels, whatever was ticked beside it.

    Raises:
        Unreadable: more labels than any task has, or a reason that is no text.
    """
    try:
        return Given(
            answer="ambiguous" if ambiguous else "label",
            labels=() if ambiguous else tuple(dict.fromkeys(labels)),
            reason=reason[:REASON_LENGTH],
            seconds=seconds,
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from exc


def json_records(path: Path) -> Iterator[tuple[str, object]]:
    """The records of a JSON array, or of a file with one on each line; each with its place.

    Raises:
        ConfigurationError: the file cannot be read, or is neither.
    """
    text = read_text(path)
    if not text.lstrip().startswith("["):
        yield from _lines(path, text)
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{path}: not JSON: {exc}") from exc
    for number, record in enumerate(found, 1):
        yield f"{path}: record {number}", record


def _lines(path: Path, text: str) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}:{number}", json.loads(line)
        except (ValueError, RecursionError) as exc:
            yield f"{path}:{number}", Unreadable(f"not JSON: {exc}")


def read_text(path: Path) -> str:
    """A whole file, its line ends as they are.

    Raises:
        ConfigurationError: it cannot be read as UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc}") from exc


def shown(value: object) -> str:
    """A value in a message, cut."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004
