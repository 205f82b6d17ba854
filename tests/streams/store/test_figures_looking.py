"""Search, stories, alarms and health: figures that find things rather than count them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.rows import ControlRow, RepeatRow, Row, SnapshotRow
from models.settings import TRIAL_SLOT
from streams.store.client import Store
from streams.store.figures import alarms, operations
from streams.store.figures.samples import PAGE, Search, search
from streams.store.figures.scope import Scope
from streams.store.figures.story import story
from tests.data_rows import (
    TASK,
    alarm_row,
    dead_letter_row,
    decided_rows,
    decision_row,
    health_row,
    moment,
    result_row,
    review_row,
    sample_row,
)
from tests.data_traffic import HOSTILE, Traffic, hostile_rows, traffic_rows

pytestmark = pytest.mark.processes

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
"""Health is kept for thirty days only."""

DAY = Scope(start=moment(-60), end=moment(600), task=TASK)


def _ids(store: Store, wanted: Search, scope: Scope = DAY) -> list[str]:
    frame = search(store, scope, wanted).samples
    return list(frame["id"]) if len(frame) else []


@pytest.fixture
def some(store: Store) -> Store:
    a, b, c = (
        sample_row(name, moment(n), offset=n, text=text, tags={"lang": lang})
        for n, (name, text, lang) in enumerate(
            (("a", "Straße nach Köln", "de"), ("b", "A 100 % sure_thing", "en"), ("c", "x", "en"))
        )
    )
    unread = sample_row("", moment(3), offset=3, text="{", task="", readable=False)
    result = result_row(a, "north", judge_score=0.3, lane="uncertain", audit=True)
    store.insert(
        [
            a, b, c, unread, result, result_row(b, "south", judge_score=0.8),
            *decided_rows(result, "north"),
            dead_letter_row(unread.model_dump()["sample_key"], moment(3), offset=3),
        ]
    )  # fmt: skip
    return store


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Search(), ["", "c", "b", "a"]),
        (Search(text="STRASSE"), []),
        (Search(text="straße NACH kÖLN"), ["a"]),
        (Search(text="100 %"), ["b"]),
        (Search(text="0_%"), []),
        (Search(id="b"), ["b"]),
        (Search(label="south"), ["b"]),
        (Search(lane="uncertain"), ["a"]),
        (Search(lane="audit"), ["a"]),
        (Search(state="reviewed"), ["a"]),
        (Search(state="accepted"), ["b"]),
        (Search(state="in_flight"), ["c"]),
        (Search(state="dead_lettered"), [""]),
        (Search(judge_low=0.5), ["b"]),
        (Search(judge_high=0.3), ["a"]),
        (Search(judge_low=0.5, label="north"), []),
    ],
)
def test_every_condition_restricts(some: Store, wanted: Search, ids: list[str]) -> None:
    assert _ids(some, wanted) == ids


def test_a_slice_restricts_the_search(some: Store) -> None:
    assert _ids(some, Search(), replace(DAY, slice="lang=de")) == ["a"]


def test_what_is_not_known_stays_unknown(some: Store) -> None:
    row = search(some, DAY, Search(id="c")).samples.iloc[0]
    assert row["state"] == "in_flight"
    assert row[["confidence", "judge_score", "propensity"]].isna().all()


def test_pages_hold_every_sample_once_even_at_one_instant(store: Store) -> None:
    rows = [sample_row(f"{n}", moment(n // 40), offset=n) for n in range(2 * PAGE + 20)]
    store.insert(rows)
    store.insert(rows)
    ids: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page = search(store, DAY, Search(), cursor)
        ids += list(page.samples["id"])
        cursor, pages = page.following, pages + 1
    assert pages == 3
    assert sorted(ids) == sorted(f"{n}" for n in range(2 * PAGE + 20))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_conditions_only_compare(store: Store, text: str) -> None:
    store.insert(hostile_rows(moment(60)))
    row = search(store, DAY, Search(text=text, label=text)).samples
    assert list(row["label"]) == [text]
    assert len(_ids(store, Search(), replace(DAY, slice=f"{text[:40]}={text}"))) == 1
    assert _ids(store, Search(lane=text, state=text)) == []


def test_story_tells_everything(store: Store) -> None:
    sample = sample_row("a", moment(), offset=0)
    key = sample.model_dump()["sample_key"]
    result = result_row(sample, "x", lane="uncertain", state="awaiting_review")
    again = RepeatRow(
        topic="results", key=result.model_dump()["result_id"], run="", task=TASK,
        event_time=moment(), incarnation=0, partition=0, offset=9, stored_at=moment(), precedence=1,
    )  # fmt: skip
    rows = [
        sample, result, review_row(result), *decided_rows(result, "y"), again,
        decision_row(result, "z", role="repeat", measured=True, against=("y",)),
        dead_letter_row(key, moment(1), offset=4, task=TASK),
        alarm_row("al", moment(2), examples=(key,)),
        alarm_row("al", moment(3), examples=(key,), state="acknowledged"),
    ]  # fmt: skip
    store.insert(rows)
    store.insert(rows)
    found = story(store, key)
    assert found.sample is not None
    assert found.result is not None
    assert (found.sample["id"], found.result["label"]) == ("a", "x")
    parts = (found.reviews, found.decisions, found.outcomes, found.dead_letters, found.repeats)
    assert [len(part) for part in (*parts, found.alarms)] == [1, 1, 1, 1, 1, 1]
    assert found.decisions[0]["label"] == "y", "not what the reviewer said of it once more"
    assert found.alarms[0]["state"] == "acknowledged"


def test_an_unknown_key_has_no_story(store: Store) -> None:
    assert not story(store, "nobody").known


def test_an_alarm_is_shown_in_its_last_state(store: Store) -> None:
    rows = [
        alarm_row("first", moment(1)),
        alarm_row("second", moment(2)),
        # acknowledged and closed by one action each, at the very same moment
        alarm_row("second", moment(5), state="acknowledged", by="ana"),
        alarm_row("second", moment(5), state="closed", by="ben"),
    ]
    store.insert(rows)
    store.insert(rows)
    newest, oldest = alarms.alarms(store, DAY)
    assert (newest.alarm_id, newest.state, newest.by) == ("second", "closed", "ben")
    assert (newest.raised, newest.at) == (moment(2), moment(5))
    assert (oldest.state, oldest.before.mix["scam"], oldest.after.n) == ("open", 0.15, 41)


def test_alarms_keep_to_time_task_and_slice(store: Store) -> None:
    store.insert(
        [
            alarm_row("a", moment(1)),
            alarm_row("b", moment(2), slice="lang=de"),
            alarm_row("c", moment(3), task="another"),
            alarm_row("d", moment(700)),
        ]
    )
    assert [a.alarm_id for a in alarms.alarms(store, DAY)] == ["b", "a"]
    assert [a.alarm_id for a in alarms.alarms(store, replace(DAY, slice="lang=de"))] == ["b"]
    assert alarms.alarms(store, replace(DAY, run="r1")) == ()


def test_warm_up_is_the_last_snapshot(store: Store) -> None:
    for position, collected in ((1, 40), (3, 150), (2, 90)):
        store.insert([_snapshot(position, collected)])
    [row] = alarms.warm_up(store, TASK).to_dict("records")
    assert (row["collected"], row["needed"], row["warm"]) == (150, 150, True)


def _snapshot(position: int, collected: int) -> Row:
    return SnapshotRow(
        task=TASK, slice="", met=position, incarnation=0, partition=0, offset=position,
        at=moment(), warm=collected >= 150, collected=collected, needed=150, state="{}",
    )  # fmt: skip


def test_stages_show_their_last_report_and_rate(store: Store) -> None:
    ten = timedelta(seconds=10)
    store.insert(
        [
            health_row("judge", NOW - 2 * ten, 10),
            health_row("judge", NOW - ten, 40),
            health_row("route", NOW - 6 * ten, 7),
            health_row("judge", NOW - timedelta(days=2), 1, slot="old"),
        ]
    )
    judge, route = operations.stages(store, NOW).to_dict("records")
    assert (judge["stage"], judge["per_second"], judge["silent"]) == ("judge", 3.0, False)
    assert (route["stage"], route["age_seconds"], route["silent"]) == ("route", 60.0, True)
    assert route["per_second"] != route["per_second"]  # one report makes no rate


def test_history_starts_anew_with_each_process(store: Store) -> None:
    ten = timedelta(seconds=10)
    store.insert(
        [
            health_row("judge", NOW, 100, errors=5),
            health_row("judge", NOW + ten, 120, errors=6),
            health_row("judge", NOW + 2 * ten, 0, session="s2", errors=0),
            health_row("judge", NOW + 3 * ten, 40, session="s2", errors=1),
        ]
    )
    scope = Scope(start=NOW, end=NOW + timedelta(minutes=1), task=TASK)
    frame = operations.stage_history(store, scope)
    assert list(frame["per_second"]) == [2.0, 4.0]
    assert frame["errors"].sum() == 2


def test_an_evaluations_stages_are_not_the_deployments(store: Store) -> None:
    ten = timedelta(seconds=10)
    rows = [health_row("judge", NOW - n * ten, 100 - 20 * n) for n in range(3)]
    store.insert(rows)
    scope = Scope(start=NOW - 3 * ten, end=NOW + ten, task=TASK)
    alone = (operations.stages(store, NOW), operations.stage_history(store, scope))
    trial = [
        health_row("judge", NOW - n * ten, 9_000 - 900 * n, slot=TRIAL_SLOT, session="t")
        for n in range(3)
    ]
    store.insert(trial)
    assert operations.stages(store, NOW).equals(alone[0])
    assert operations.stage_history(store, scope).equals(alone[1])


def test_dead_letters_by_error(store: Store) -> None:
    letters = [
        dead_letter_row(f"k{n}", moment(n), offset=n, error=error, complete=n > 0)
        for n, error in enumerate(("no text", "no text", "not JSON"))
    ]
    store.insert(letters)
    store.insert(letters)
    first, second = operations.dead_letters(store, DAY).to_dict("records")
    assert (first["error"], first["letters"], first["truncated"]) == ("no text", 2, 1)
    assert second["error"] == "not JSON"
    assert len(operations.latest_dead_letters(store, DAY)) == 3


def test_a_resumed_task_is_no_longer_held(store: Store) -> None:
    def control(task: str, action: str, minute: int) -> Row:
        return ControlRow(task=task, action=action, at=moment(minute), by="ana", note="")

    store.insert([control("a", "pause", 1), control("a", "run", 2), control("b", "stop", 1)])
    [held] = operations.controls(store).to_dict("records")
    assert (held["task"], held["action"]) == ("b", "stop")


def test_a_whole_deployment_twice_is_that_deployment(store: Store) -> None:
    rows = traffic_rows(Traffic(moment(120), samples=60))
    store.insert(rows)
    once = search(store, DAY, Search(state="reviewed")).samples
    store.insert(rows)
    assert search(store, DAY, Search(state="reviewed")).samples.equals(once)
