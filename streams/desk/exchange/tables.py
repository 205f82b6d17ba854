"""CSV and Parquet: a row for each answer, or one to fill in for an item that has none.

Spreadsheets take a cell that begins with one of a few characters for a formula. In CSV such cells
get a quote in front, which is taken off again when they are read.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import ConfigurationError
from streams.desk.exchange.records import (
    AMBIGUOUS,
    LABEL,
    Answer,
    Bad,
    Exported,
    Found,
    Line,
    Unanswered,
    Unreadable,
    given_of,
    moment_in,
    read_text,
    reviewer_in,
    seconds_in,
    shown,
    text_in,
    texts_in,
)

COLUMNS = (
    "item",
    "task",
    "version",
    "context",
    "text",
    "response",
    "suggestion",
    "reviewer",
    "answer",
    "labels",
    "reason",
    "seconds",
    "at",
)
NEEDED = ("item", "reviewer", "answer", "labels")
"""Columns a file to be imported has; the others may be missing."""

LONGEST_CELL = 2_000_000

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")

Row = dict[str, Any]


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> defused("=1+1"), defused("-"), defused("a=b"), defused("'=")
    ("'=1+1", "'-", 'a=b', "''=")
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """The cell that was defused.

    >>> restored(defused("=1+1")), restored("'tis"), restored("'")
    ('=1+1', "'tis", "'")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(items: Sequence[Exported], path: Path) -> None:
    """A CSV file in UTF-8, with a mark that spreadsheets know it by."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(items):
        writer.writerow([defused(_cell(row[name])) for name in COLUMNS])
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")


def read_csv(path: Path) -> Iterator[Line]:
    """The answers in a CSV file.

    Raises:
        ConfigurationError: it is no such file, or lacks a column.
    """
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            cells = {name: restored(cell or "") for name, cell in row.items() if name in COLUMNS}
            yield _line(f"{path}:{reader.line_num}", _parsed(cells))
    except csv.Error as exc:
        raise ConfigurationError(f"{path}:{reader.line_num}: not CSV: {exc}") from exc


def write_parquet(items: Sequence[Exported], path: Path) -> None:
    """A Parquet file; labels are lists, times are timestamps in UTC."""
    pq.write_table(pa.Table.from_pylist(list(_rows(items)), schema=_SCHEMA), path)


def read_parquet(path: Path) -> Iterator[Line]:
    """The answers in a Parquet file.

    Raises:
        ConfigurationError: it is no such file, lacks a column, or holds what is no text or time.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            wanted = [name for name in COLUMNS if name in file.schema_arrow.names]
            rows = (row for part in file.iter_batches(1000, columns=wanted) for row in _plain(part))
            for number, row in enumerate(rows, 1):
                yield _line(f"{path}: row {number}", row)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as exc:
        raise ConfigurationError(f"{path}: not a Parquet file: {exc}") from exc


_TEXTS = {name: pa.string() for name in COLUMNS}
_SCHEMA = pa.schema(
    {
        **_TEXTS,
        "suggestion": pa.list_(pa.string()),
        "labels": pa.list_(pa.string()),
        "seconds": pa.float64(),
        "at": pa.timestamp("us", "UTC"),
    }
)


def _plain(part: pa.RecordBatch) -> list[Row]:
    found: list[Row] = part.to_pylist()
    return found


def _rows(items: Sequence[Exported]) -> Iterator[Row]:
    for item in items:
        own = {name: getattr(item, name) for name in COLUMNS[:7]}
        for answer in item.answers or (None,):
            yield {**own, **_answered(answer)}


def _answered(answer: Answer | None) -> Row:
    if answer is None:
        return dict.fromkeys(COLUMNS[7:])
    given = answer.given
    return {
        "reviewer": answer.reviewer,
        "answer": given.answer,
        "labels": given.labels,
        "reason": given.reason,
        "seconds": given.seconds,
        "at": answer.at,
    }


def _cell(value: object) -> str:
    """A value as text: one label as it is, several or none as JSON."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        plain = len(value) == 1 and value[0].strip() and not value[0].startswith("[")
        return value[0] if plain else json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else str(value)


def _parsed(cells: Mapping[str, str]) -> Row:
    """A row of CSV, its number and its list of labels read."""
    labels = cells.get("labels", "")
    listed = _from_json(labels, labels) if labels.startswith("[") else labels
    return {**cells, "seconds": _from_json(cells.get("seconds", ""), None), "labels": listed}


def _from_json(cell: str, otherwise: str | None) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return otherwise


def _line(place: str, row: Row) -> Line:
    try:
        item = text_in(row.get("item"), "item")
        if not row.get("answer") and not row.get("labels"):
            return Unanswered(place)
        return Found(place, item, _answer(row), bool(row.get("suggestion")))
    except Unreadable as exc:
        return Bad(place, str(exc))


def _kind(row: Row) -> str:
    """What was answered; whoever names labels need not say that these are labels."""
    kind = row.get("answer") or LABEL
    if kind not in (LABEL, AMBIGUOUS):
        raise Unreadable(f"answer: expected label or ambiguous, got {shown(kind)}")
    return str(kind)


def _answer(row: Row) -> Answer:
    given = given_of(
        texts_in(row.get("labels") or (), "labels"),
        ambiguous=_kind(row) == AMBIGUOUS,
        reason=text_in(row["reason"], "reason") if row.get("reason") else "",
        seconds=seconds_in(row.get("seconds")),
    )
    return Answer(reviewer_in(row.get("reviewer"), "reviewer"), given, moment_in(row.get("at")))


def _check_columns(path: Path, names: Sequence[str]) -> None:
    if missing := [name for name in NEEDED if name not in names]:
        raise ConfigurationError(f"{path}: no column {missing[0]!r}; needed: {', '.join(NEEDED)}")
