"""Columns of the row classes: their ClickHouse types, and their cells ready for an insert."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from models.rows import Row
from models.table import Column

PLAIN_TYPES = {str: "String", int: "Int64", float: "Float64", bool: "Bool", date: "Date"}

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Moments outside are moved to the border: a producer's broken clock must not break an insert."""


class ColumnType(NamedTuple):
    """One column of a table as ClickHouse sees it."""

    name: str
    type: str
    codec: str
    kept_days: int | None


@cache
def columns_of(row: type[Row]) -> tuple[ColumnType, ...]:
    """The columns of a table, in the order of the row's fields.

    >>> from models.rows import SnapshotRow
    >>> [column.type for column in columns_of(SnapshotRow)][:3]
    ['LowCardinality(String)', 'String', 'UInt64']
    """
    return tuple(
        _column(name, field.annotation, field.metadata) for name, field in row.model_fields.items()
    )


def type_of(annotation: Any) -> str:
    """The ClickHouse type of a Python type.

    Raises:
        TypeError: no type follows; the column needs a `Column` of its own.

    >>> type_of(tuple[str, ...]), type_of(float | None), type_of(dict[str, float])
    ('Array(String)', 'Nullable(Float64)', 'Map(String, Float64)')
    """
    if annotation in PLAIN_TYPES:
        return PLAIN_TYPES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return f"Array({type_of(arguments[0])})"
    if origin is dict:
        return f"Map({type_of(arguments[0])}, {type_of(arguments[1])})"
    if origin in (Union, UnionType):
        parts = [part for part in arguments if part is not NoneType]
        if len(parts) == 1 and len(arguments) > 1:
            return f"Nullable({type_of(parts[0])})"
    raise TypeError(f"no ClickHouse type follows from {annotation}; say it with Column(...)")


def cells(rows: Sequence[Row]) -> list[Sequence[Any]]:
    """The cells of rows of one table, by column; moments as milliseconds since 1970."""
    table: list[Sequence[Any]] = list(zip(*(row.values() for row in rows), strict=True))
    for number, convert in _conversions(type(rows[0])):
        table[number] = [convert(cell) for cell in table[number]]
    return table


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970; a moment without a zone counts as UTC.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500_000))
    1500
    >>> milliseconds(datetime(1, 1, 1)), milliseconds(datetime(9999, 1, 1)) > 7e12
    (0, True)
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(min(max(aware, EARLIEST), LATEST).timestamp() * 1000)


def _maybe_milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


@cache
def _conversions(row: type[Row]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for number, column in enumerate(columns_of(row)):
        if column.type.startswith("DateTime64"):
            found.append((number, milliseconds))
        elif column.type.startswith("Nullable(DateTime64"):
            found.append((number, _maybe_milliseconds))
    return tuple(found)


def _column(name: str, annotation: Any, metadata: Sequence[Any]) -> ColumnType:
    said = next((part for part in metadata if isinstance(part, Column)), None)
    if said is None:
        return ColumnType(name, type_of(annotation), "", None)
    return ColumnType(name, said.type, said.codec, said.kept_days)
