from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar

import pytest

from models.errors import ConfigurationError
from models.rows import ROWS, Row, SnapshotRow, SpendRow
from models.table import Column, Table, Time
from streams.store import schema
from streams.store.client import Store
from streams.store.schema import Existing, create_table, ddl, migrate, plan

GOLDEN = Path(__file__).with_name("schema.sql")


class OldRow(Row):
    TABLE: ClassVar = Table("things", order_by=("name",), version="number", ttl_days=100)

    name: str
    number: Annotated[int, Column("UInt64")]
    stored_at: Time


class NewRow(OldRow):
    TABLE: ClassVar = Table(
        "things", order_by=("name",), version="number", ttl_days=200, skip_indexes=("owner",)
    )

    owner: str
    score: float | None
    tags: tuple[str, ...]


class OtherTypeRow(NewRow):
    name: Annotated[str, Column("LowCardinality(String)")]


class OtherKeyRow(OldRow):
    TABLE: ClassVar = Table("things", order_by=("number", "name"), version="number")


class OtherEngineRow(OldRow):
    TABLE: ClassVar = Table("things", order_by=("name",), version=None)


def test_ddl_is_the_reviewed_one() -> None:
    command = "python -m streams.store.schema > tests/streams/store/schema.sql"
    assert ddl() == GOLDEN.read_text("utf-8"), f"look at the difference, then: {command}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.TABLE.name)
def test_keys_and_lifetimes_name_columns_that_exist(row: type[Row]) -> None:
    table, names = row.TABLE, set(row.model_fields)
    used = {*table.order_by, *table.skip_indexes}
    used |= {table.version} if table.version else set()
    used |= {table.ttl_column} if table.ttl_days is not None else set()
    assert used <= names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.TABLE.name)
def test_rows_that_replace_each_other_share_their_partition(row: type[Row]) -> None:
    """Merges never join partitions, so what partitions must be part of the identity."""
    table = row.TABLE
    if table.version is not None and table.partition_by is not None:
        assert table.partition_by.split("(")[1].rstrip(")") in table.order_by


def test_a_type_that_does_not_follow_is_a_mistake_in_the_code() -> None:
    class Odd(Row):
        TABLE: ClassVar = Table("odd", order_by=("thing",))
        thing: object

    with pytest.raises(TypeError, match="Column"):
        create_table(Odd)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"columns": {"met": "String"}}, "column met is String.*needs UInt64"),
        ({"sorting_key": "task"}, "sorted by task.*needs task, slice"),
        ({"definition": "MergeTree ORDER BY task"}, "engine is MergeTree"),
    ],
)
def test_what_adding_cannot_mend_is_refused(change: dict[str, object], named: str) -> None:
    there: dict[str, object] = {
        "columns": {},
        "indexes": frozenset(),
        "sorting_key": "task, slice",
        "definition": "ReplacingMergeTree(met) ORDER BY (task, slice)",
    }
    existing = Existing(**there | change)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"(?s)table snapshots: .*{named}"):
        plan(SnapshotRow, existing)


@pytest.mark.processes
def test_migration_is_done_once(empty_store: Store) -> None:
    first = migrate(empty_store)
    assert [f"created table {row.TABLE.name}" for row in ROWS] == first
    assert migrate(empty_store) == []


@pytest.mark.processes
def test_an_old_table_gains_what_is_new_and_keeps_its_rows(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "ROWS", (OldRow,))
    migrate(empty_store)
    values = {"name": "a", "number": 1, "stored_at": datetime.now(UTC)}
    empty_store.insert([OldRow.model_validate(values)])
    monkeypatch.setattr(schema, "ROWS", (NewRow,))
    assert migrate(empty_store) == [
        "added column things.owner",
        "added column things.score",
        "added column things.tags",
        "added index things.by_owner",
        "rows of table things are now kept for 200 days",
    ]
    assert migrate(empty_store) == []
    newer = {"name": "b", "number": 1, "owner": "me", "score": 0.5, "tags": ("x",)}
    empty_store.insert([NewRow.model_validate(values | newer)])
    rows = empty_store.query("SELECT name, owner, score, tags FROM things FINAL ORDER BY name")
    assert [tuple(row.values()) for row in rows] == [("a", "", None, []), ("b", "me", 0.5, ["x"])]


@pytest.mark.processes
def test_a_store_from_before_the_desk_gains_outcomes_and_keeps_its_decisions(
    empty_store: Store,
) -> None:
    migrate(empty_store)
    new = ("role", "measured", "against", "seconds", "suggestion_shown", "bulk")
    empty_store.command("DROP TABLE outcomes")
    for name in new:
        empty_store.command(f"ALTER TABLE decisions DROP COLUMN {name}")
    empty_store.command(
        "INSERT INTO decisions (task, decision_id, answer, label, event_time, stored_at)"
        " VALUES ('t', 'd', 'label', 'a', now64(), now64())"
    )
    said = [f"added column decisions.{name}" for name in new]
    assert migrate(empty_store) == [*said, "created table outcomes"]
    assert migrate(empty_store) == []
    [row] = empty_store.query("SELECT label, role, measured, seconds FROM decisions FINAL")
    assert tuple(row.values()) == ("a", "", False, None)


@pytest.mark.processes
@pytest.mark.parametrize("changed", [OtherTypeRow, OtherKeyRow, OtherEngineRow])
def test_a_refused_migration_changes_nothing(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch, changed: type[Row]
) -> None:
    monkeypatch.setattr(schema, "ROWS", (OldRow,))
    migrate(empty_store)
    monkeypatch.setattr(schema, "ROWS", (SpendRow, changed))
    with pytest.raises(ConfigurationError, match="table things"):
        migrate(empty_store)
    assert [row["name"] for row in empty_store.query("SHOW TABLES")] == ["things"]
