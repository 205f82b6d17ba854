"""A file of traffic, line by line: JSONL or CSV in, samples or the reason why not out."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from models.errors import ConfigurationError
from models.identity import digest
from models.sample import TEXT_LIMIT, Provenance, Sample
from streams.intake import at_path

Format = Literal["jsonl", "csv", "tsv"]
_SEPARATORS = {"csv": ",", "tsv": "\t"}
_SHOWN_ERRORS = 3


@dataclass(frozen=True)
class Columns:
    """Which field of a line holds what; a dotted path reaches into nested JSON.

    Attributes:
        tags: further fields that become tags under their own names.
    """

    text: str = "text"
    id: str = "id"
    reference: str = "reference"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stamp:
    """What every sample of one sending carries beside its own content."""

    task: str = ""
    provenance: Provenance = "live"
    run: str = ""


@dataclass(frozen=True)
class Good:
    """A line that is a sample."""

    number: int
    sample: Sample


@dataclass(frozen=True)
class Bad:
    """A line that is none, and why."""

    number: int
    why: str


@dataclass(frozen=True)
class Reading:
    """How one file is read."""

    columns: Columns = field(default_factory=Columns)
    stamp: Stamp = field(default_factory=Stamp)
    seed: str = ""


def format_of(path: Path) -> Format:
    """The format by a file's name; what is neither `.csv` nor `.tsv` is JSONL.

    >>> format_of(Path("a.CSV")), format_of(Path("-"))
    ('csv', 'jsonl')
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return "csv"
    return "tsv" if suffix == ".tsv" else "jsonl"


def file_seed(path: Path) -> str:
    """A hash of a file's content: what ids are made from where lines have none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        return digest(path.read_bytes().decode("latin-1"))[:12]
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}") from exc


def read_lines(lines: Iterable[bytes], kind: Format, how: Reading) -> Iterator[Good | Bad]:
    """Samples, or reasons, in the order of the lines; blank lines are passed over.

    A line without an id gets one made from the seed and its number, so that sending a file again
    sends the same samples.

    >>> list(read_lines([b'{"text": "hi"}', b'nonsense'], "jsonl", Reading(seed="s")))[1].number
    2
    """
    records = _json_records(lines) if kind == "jsonl" else _csv_records(lines, _SEPARATORS[kind])
    for number, content in records:
        yield content if isinstance(content, Bad) else _sample(number, content, how)


def _json_records(lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            yield number, Bad(number, "is not UTF-8")
        except RecursionError:
            yield number, Bad(number, "is nested too deeply")
        except ValueError as exc:
            yield number, Bad(number, f"is not JSON: {exc}")


def _csv_records(lines: Iterable[bytes], separator: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(4 * TEXT_LIMIT)
    text = (line.decode("utf-8", "surrogateescape").removeprefix("\ufeff") for line in lines)
    rows = csv.reader(text, delimiter=separator, strict=True)
    names = next(_rows(rows), (1, None))[1]
    if not isinstance(names, list):
        raise ConfigurationError("the file is empty; its first line must name the columns")
    for number, row in _rows(rows):
        if isinstance(row, Bad):
            yield number, row
        elif len(row) != len(names):
            yield number, Bad(number, f"has {len(row)} columns; the first line has {len(names)}")
        else:
            yield number, {name: cell for name, cell in zip(names, row, strict=True) if cell}


def _rows(rows: Any) -> Iterator[tuple[int, Any]]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            yield rows.line_num, Bad(rows.line_num, f"is not CSV: {exc}")
            continue
        if row:
            yield rows.line_num, row


def _sample(number: int, content: Any, how: Reading) -> Good | Bad:
    if not isinstance(content, dict):
        return Bad(number, f"is {type(content).__name__}, not an object with fields")
    columns, stamp = how.columns, how.stamp
    fields: dict[str, Any] = {
        "text": at_path(content, columns.text),
        "id": at_path(content, columns.id),
        "reference": at_path(content, columns.reference),
        "tags": _tags(content, columns.tags),
        "task": stamp.task or content.get("task") or "",
        "provenance": stamp.provenance,
        "run": stamp.run,
    }
    for name in ("context", "response", "created_at"):
        fields[name] = content.get(name)
    if fields["text"] is None:
        there = ", ".join(str(name)[:30] for name in list(content)[:8])
        return Bad(number, f"has no field {columns.text!r}; it has {there}")
    if fields["id"] is None:
        fields["id"] = f"{how.seed or digest(str(fields['text']))[:12]}-{number}"
    try:
        return Good(number, Sample.model_validate(fields))
    except ValidationError as exc:
        return Bad(number, reasons(exc))


def _tags(content: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    own = content.get("tags")
    chosen = {name: at_path(content, name) for name in names}
    present = {name: value for name, value in chosen.items() if value is not None}
    return {**own, **present} if isinstance(own, dict) else present


def reasons(exc: ValidationError) -> str:
    """What does not fit, field by field."""
    errors = exc.errors(include_url=False, include_input=False, include_context=False)
    shown = [
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
        for error in errors[:_SHOWN_ERRORS]
    ]
    return "; ".join(shown)
