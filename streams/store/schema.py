"""The tables: their DDL, derived from `models.rows`, and how a store is brought up to it.

Migration only adds: tables, columns, indexes. It refuses what it cannot add, before it changes
anything (`docs/decisions/0004-tables.md`). `python -m streams.store.schema` prints the DDL.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import ConfigurationError
from models.rows import ROWS, Row
from streams.store.client import Store
from streams.store.columns import ColumnType, columns_of

INDEX = "TYPE bloom_filter(0.01) GRANULARITY 1"


@dataclass(frozen=True)
class Existing:
    """A table as the store has it.

    Attributes:
        columns: name to type.
        definition: its engine with everything behind it.
    """

    columns: Mapping[str, str]
    indexes: frozenset[str]
    sorting_key: str
    definition: str


@dataclass(frozen=True)
class Step:
    """One statement of a migration, and what it does in a person's words."""

    sql: str
    said: str


def migrate(store: Store) -> list[str]:
    """Create what is missing; says what it did, nothing when all was there.

    Raises:
        ConfigurationError: a table differs in a way that adding cannot mend; nothing was changed.
    """
    store.create_database()
    existing = _existing(store)
    steps = [step for row in ROWS for step in plan(row, existing.get(row.TABLE.name))]
    for step in steps:
        store.command(step.sql)
    return [step.said for step in steps]


def plan(row: type[Row], existing: Existing | None) -> list[Step]:
    """The steps that bring one table up to its row class.

    Raises:
        ConfigurationError: a column's type, the sorting key or the engine is another one.
    """
    name = row.TABLE.name
    if existing is None:
        return [Step(create_table(row), f"created table {name}")]
    _refuse_changes(row, existing)
    return [*_new_columns(row, existing), *_new_indexes(row, existing), *_new_life(row, existing)]


def ddl() -> str:
    """Every table's statement, in order."""
    return "\n\n".join(f"{create_table(row)};" for row in ROWS) + "\n"


def create_table(row: type[Row]) -> str:
    """The statement that creates one table."""
    table = row.TABLE
    inside = [_column(row, column) for column in columns_of(row)]
    inside += [f"INDEX {_index(name)} `{name}` {INDEX}" for name in table.skip_indexes]
    lines = [
        f"CREATE TABLE IF NOT EXISTS `{table.name}`",
        "(",
        ",\n".join(f"    {line}" for line in inside),
        ")",
        f"ENGINE = {_engine(row)}",
    ]
    if table.partition_by:
        lines.append(f"PARTITION BY {table.partition_by}")
    lines.append(f"ORDER BY ({_sorting_key(row)})")
    if table.ttl_days is not None:
        lines.append(f"TTL {_life(row, table.ttl_days)}")
    if table.settings:
        lines.append(f"SETTINGS {', '.join(table.settings)}")
    return "\n".join(lines)


def _column(row: type[Row], column: ColumnType) -> str:
    codec = f" CODEC({column.codec})" if column.codec else ""
    kept = f" TTL {_life(row, column.kept_days)}" if column.kept_days is not None else ""
    return f"`{column.name}` {column.type}{codec}{kept}"


def _life(row: type[Row], days: int) -> str:
    return f"toDateTime({row.TABLE.ttl_column}, 'UTC') + toIntervalDay({days})"


def _engine(row: type[Row]) -> str:
    version = row.TABLE.version
    return f"ReplacingMergeTree({version})" if version else "MergeTree"


def _sorting_key(row: type[Row]) -> str:
    return ", ".join(row.TABLE.order_by)


def _index(column: str) -> str:
    return f"by_{column}"


def _refuse_changes(row: type[Row], existing: Existing) -> None:
    table = row.TABLE
    for column in columns_of(row):
        there = existing.columns.get(column.name, column.type)
        if there != column.type:
            raise _refusal(table.name, f"column {column.name} is {there}", column.type)
    if existing.sorting_key != _sorting_key(row):
        raise _refusal(table.name, f"it is sorted by {existing.sorting_key}", _sorting_key(row))
    if not existing.definition.startswith(f"{_engine(row)} "):
        raise _refusal(table.name, f"its engine is {existing.definition}", _engine(row))


def _refusal(table: str, there: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"table {table}: {there} in the store, but this version needs {wanted}; migration only"
        " adds. Use another TIDEGAUGE_CLICKHOUSE__DATABASE, or copy the table by hand"
        " (docs/decisions/0004-tables.md)"
    )


def _new_columns(row: type[Row], existing: Existing) -> Iterator[Step]:
    for column in columns_of(row):
        if column.name not in existing.columns:
            yield Step(
                f"ALTER TABLE `{row.TABLE.name}` ADD COLUMN IF NOT EXISTS {_column(row, column)}",
                f"added column {row.TABLE.name}.{column.name}",
            )


def _new_indexes(row: type[Row], existing: Existing) -> Iterator[Step]:
    for column in row.TABLE.skip_indexes:
        if _index(column) not in existing.indexes:
            yield Step(
                f"ALTER TABLE `{row.TABLE.name}` ADD INDEX IF NOT EXISTS"
                f" {_index(column)} `{column}` {INDEX}",
                f"added index {row.TABLE.name}.{_index(column)}",
            )


def _new_life(row: type[Row], existing: Existing) -> Iterator[Step]:
    days = row.TABLE.ttl_days
    if days is not None and f"toIntervalDay({days})" not in existing.definition:
        yield Step(
            f"ALTER TABLE `{row.TABLE.name}` MODIFY TTL {_life(row, days)}",
            f"rows of table {row.TABLE.name} are now kept for {days} days",
        )


def _existing(store: Store) -> dict[str, Existing]:
    here = {"database": store.where.database}
    tables = store.query(
        "SELECT name, sorting_key, engine_full FROM system.tables"
        " WHERE database = {database:String}",
        here,
    )
    columns = store.query(
        "SELECT table, name, type FROM system.columns WHERE database = {database:String}", here
    )
    indexes = store.query(
        "SELECT table, name FROM system.data_skipping_indices WHERE database = {database:String}",
        here,
    )
    return {
        table["name"]: Existing(
            columns={found["name"]: found["type"] for found in _of(columns, table["name"])},
            indexes=frozenset(found["name"] for found in _of(indexes, table["name"])),
            sorting_key=table["sorting_key"].removeprefix("(").removesuffix(")"),
            definition=f"{table['engine_full']} ",
        )
        for table in tables
    }


def _of(found: Iterable[Mapping[str, Any]], table: str) -> Iterator[Mapping[str, Any]]:
    return (row for row in found if row["table"] == table)


if __name__ == "__main__":
    sys.stdout.write(ddl())
