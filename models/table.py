"""How a table of the store is declared: its key, how long what is kept, and its columns' types.

A column's ClickHouse type follows from its Python type (`streams.store.columns`) unless `Column`
says otherwise.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated


@dataclass(frozen=True)
class Column:
    """How one column differs from what its Python type says.

    Attributes:
        codec: how it is packed, e.g. `ZSTD(3)`.
        kept_days: the value is emptied this long after the table's `ttl_column`; the row stays.
    """

    type: str
    codec: str = ""
    kept_days: int | None = None


@dataclass(frozen=True)
class Table:
    """How one table is kept.

    Attributes:
        order_by: sorting key; rows equal in it are one row.
        version: column whose highest value wins among equals; none: rows are only appended.
        partition_by: expression, by month or day of the carried event time.
        ttl_days: rows are dropped this long after `ttl_column`; none: kept for ever.
        skip_indexes: columns that single rows are looked up by.
        settings: settings of the table's engine.
    """

    name: str
    order_by: tuple[str, ...]
    version: str | None = "precedence"
    partition_by: str | None = None
    ttl_column: str = "stored_at"
    ttl_days: int | None = None
    skip_indexes: tuple[str, ...] = field(default=())
    settings: tuple[str, ...] = field(default=())


LowCardinality = Annotated[str, Column("LowCardinality(String)")]
Time = Annotated[datetime, Column("DateTime64(3, 'UTC')")]
OptionalTime = Annotated[datetime | None, Column("Nullable(DateTime64(3, 'UTC'))")]
Precedence = Annotated[int, Column("UInt128")]
Hash = Annotated[int, Column("UInt128")]
Unsigned = Annotated[int, Column("UInt64")]
Tags = Annotated[dict[str, str], Column("Map(LowCardinality(String), String)")]
Prose = Annotated[str, Column("String", codec="ZSTD(3)")]
