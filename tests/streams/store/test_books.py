"""The small tables: snapshots, controls, spend, calibrators, versions."""

from datetime import UTC, date, datetime, timedelta

import pytest

from models.errors import ConfigurationError
from models.record import Version
from models.rows import SnapshotRow, SpendRow
from models.task import ClassificationTask, Label, Task
from streams.store import calibrators, controls, snapshots, spend, versions
from streams.store.client import AsyncStore, Store

pytestmark = pytest.mark.processes

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = NOON.date()


def snapshot(met: int, state: str, name: str = "") -> SnapshotRow:
    return SnapshotRow(
        task="t",
        slice=name,
        met=met,
        incarnation=0,
        partition=1,
        offset=met,
        at=NOON,
        warm=True,
        collected=1,
        needed=1,
        state=state,
    )


async def test_who_has_met_most_wins_whoever_writes_last(async_store: AsyncStore) -> None:
    await snapshots.save(async_store, [snapshot(9, "new"), snapshot(3, "x", "lang=de")])
    await snapshots.save(async_store, [snapshot(8, "stale")])
    found = await snapshots.load(async_store, [("t", ""), ("t", "lang=de"), ("other", "")])
    assert {name: row.state for name, row in found.items()} == {
        ("t", ""): "new",
        ("t", "lang=de"): "x",
    }
    assert found[("t", "")] == snapshot(9, "new")


async def test_no_slices_no_snapshots(async_store: AsyncStore) -> None:
    assert await snapshots.load(async_store, []) == {}
    await snapshots.save(async_store, [])


async def test_the_latest_word_holds(store: Store, async_store: AsyncStore) -> None:
    assert await controls.latest(async_store) == {}
    controls.set_control(store, "t", "pause", at=NOON, by="ana", note="outage")
    controls.set_control(store, "u", "stop", at=NOON, by="ana", note="")
    controls.set_control(store, "t", "run", at=NOON + timedelta(seconds=1), by="ben", note="over")
    assert await controls.latest(async_store) == {"t": "run", "u": "stop"}
    kept = store.query("SELECT action, `by`, note FROM controls WHERE task = 't' ORDER BY at")
    assert [row["by"] for row in kept] == ["ana", "ben"]


def spent(number: int, usd: float, day: date = DAY, session: str = "s") -> SpendRow:
    return SpendRow(
        day=day,
        task="t",
        stage="annotate",
        session=session,
        number=number,
        run="",
        usd=usd,
        calls=1,
        input_tokens=10,
        output_tokens=1,
    )


async def test_spend_is_summed_by_day_and_a_row_written_twice_counts_once(
    async_store: AsyncStore,
) -> None:
    rows = [spent(0, 0.25), spent(1, 0.5), spent(0, 1.0, session="other")]
    await spend.append(async_store, rows)
    await spend.append(async_store, rows[1:2])
    await spend.append(async_store, [spent(2, 64.0, DAY - timedelta(days=1))])
    assert await spend.today(async_store, NOON) == {"t": 1.75}
    assert await spend.today(async_store, NOON + timedelta(days=1)) == {}


async def test_the_first_calibrator_wins(async_store: AsyncStore) -> None:
    assert await calibrators.load(async_store, "f") is None
    await calibrators.save(async_store, "t", "f", '{"slope": 1}')
    await calibrators.save(async_store, "t", "f", '{"slope": 2}')
    await calibrators.save(async_store, "t", "g", '{"slope": 3}')
    assert await calibrators.load(async_store, "f") == '{"slope": 1}'


def task(version: str = "1", instructions: str = "Label it.") -> Task:
    labels = (Label(name="a"), Label(name="b"))
    return ClassificationTask(
        kind="classification", name="t", version=version, instructions=instructions, labels=labels
    )


ASKS = Version(name="annotator", hash="0" * 12)


async def test_a_name_keeps_its_meaning(store: Store, async_store: AsyncStore) -> None:
    for _ in range(2):
        await versions.register(async_store, "annotate", ASKS, task())
    assert store.query("SELECT count() AS n FROM versions") == [{"n": 2}]
    changed = task(instructions="Label it well.")
    with pytest.raises(ConfigurationError, match=r"task 't/1' is now .*raise the task's version"):
        await versions.register(async_store, "annotate", ASKS, changed)
    other_model = Version(name="annotator", hash="1" * 12)
    with pytest.raises(ConfigurationError, match="annotate 't/1/annotator'"):
        await versions.register(async_store, "annotate", other_model, task())
    assert store.query("SELECT count() AS n FROM versions") == [{"n": 2}], "refused, not kept"
    await versions.register(async_store, "annotate", other_model, task("2", "Label it well."))
