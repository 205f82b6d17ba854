"""What waits for people: against values counted by hand, from rows stored once and twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.quality.forecast import Pace
from agents.quality.quantiles import quantile
from models.rows import Row
from streams.store.client import Store
from streams.store.figures import review_queue
from streams.store.figures.scope import Scope
from tests.data_rows import TASK, moment, outcome_row, result_row, review_row, sample_row

pytestmark = pytest.mark.processes

HOUR = Scope(start=moment(0), end=moment(60), task=TASK, buckets=6)
NOW = moment(60)


def asked(name: str, minute: float, lane: str = "uncertain", **changes: Any) -> tuple[Row, Row]:
    """A result of that minute, and the question it puts to people."""
    sample = sample_row(name, moment(minute), offset=round(minute * 10) + 100_000, **changes)
    result = result_row(sample, "a", lane=lane, state="awaiting_review", propensity=0.5)
    return result, review_row(result)


@pytest.fixture(params=["once", "twice"])
def queue(store: Store, request: pytest.FixtureRequest) -> Store:
    """Four decided, one of them simulated, one expired, four that wait, one of another task."""
    rows: list[Row] = []
    for number, minute in enumerate((5, 15, 25, 35)):
        result, question = asked(f"d{number}", minute)
        at = moment(minute) + timedelta(minutes=number + 1)
        rows += [question, outcome_row(result, "a", at=at, simulated=number == 3)]
    expired, question = asked("e", 8, "policy")
    rows += [question, outcome_row(expired, "", state="expired", at=moment(50))]
    for name, minute, lane in (
        ("new", 55, "uncertain"), ("two", 50, "uncertain"), ("old", -300, "policy"),
        ("ancient", -60 * 100, "failed"),
    ):  # fmt: skip
        rows.append(asked(name, minute, lane)[1])
    rows.append(asked("other", 30, task="another")[1])
    for _ in range(2 if request.param == "twice" else 1):
        store.insert(rows)
    return store


def test_what_waits_is_told_by_lane_and_age(queue: Store) -> None:
    frame = review_queue.waiting(queue, HOUR, NOW)
    rows = list(frame[["lane", "age", "samples"]].itertuples(index=False, name=None))
    assert rows == [
        ("failed", "over 3 days", 1),
        ("policy", "4 to 24 h", 1),
        ("uncertain", "under 1 h", 2),
    ]
    assert frame["oldest"].iloc[2] == moment(50)


def test_the_queue_now_does_not_depend_on_the_time_looked_at(queue: Store) -> None:
    elsewhere = replace(HOUR, start=moment(-5), end=moment(-1))
    assert review_queue.waiting(queue, elsewhere, NOW)["samples"].sum() == 4
    assert not len(review_queue.waiting(queue, replace(HOUR, run="r1"), NOW))


@pytest.mark.parametrize(
    ("hours", "age"),
    [(0.99, "under 1 h"), (1, "1 to 4 h"), (4, "4 to 24 h"), (24, "1 to 3 days"),
     (71.9, "1 to 3 days"), (72, "over 3 days")],
)  # fmt: skip
def test_ages_have_sharp_borders(store: Store, hours: float, age: str) -> None:
    store.insert([asked("x", 0)[1]])
    frame = review_queue.waiting(store, HOUR, moment(hours * 60))
    assert list(frame["age"]) == [age]


def test_the_oldest_come_first(queue: Store) -> None:
    frame = review_queue.oldest(queue, HOUR)
    assert list(frame["lane"]) == ["failed", "policy", "uncertain", "uncertain"]
    assert frame["event_time"].is_monotonic_increasing


def test_what_came_and_went_per_bucket(queue: Store) -> None:
    frame = review_queue.flow(queue, HOUR)
    table = frame.pivot_table(index="at", columns="what", values="samples")
    assert list(table[review_queue.ASKED]) == [2, 1, 1, 1, 0, 2]
    assert list(table[review_queue.DECIDED]) == [1, 1, 1, 0, 0, 0]
    assert list(table[review_queue.SIMULATED]) == [0, 0, 0, 1, 0, 0]
    assert list(table[review_queue.ENDED]) == [0, 0, 0, 0, 0, 1]


def test_nothing_flows_without_a_queue(store: Store) -> None:
    assert not len(review_queue.flow(store, HOUR))
    assert not len(review_queue.waits(store, HOUR))
    assert review_queue.outlook(store, HOUR, NOW) is None


def test_waiting_time_is_from_arrival_to_outcome(queue: Store) -> None:
    frame = review_queue.waits(queue, HOUR)
    columns = ["lane", "simulated", "n", "median"]
    assert list(frame[columns].itertuples(index=False, name=None)) == [
        ("(all)", False, 3, 120.0),
        ("uncertain", False, 3, 120.0),
        ("(all)", True, 1, 240.0),
        ("uncertain", True, 1, 240.0),
    ]
    assert frame["p90"].iloc[0] == pytest.approx(quantile([60, 120, 180], 0.9).value)
    assert frame["median_low"].isna().all(), "three say nothing of how far the median may lie"


def test_a_waiting_time_counts_where_it_ended(queue: Store) -> None:
    late = replace(HOUR, start=moment(20), end=moment(30))
    assert list(review_queue.waits(queue, late)["n"]) == [1, 1]


def test_the_outlook_is_that_of_the_present_pace(queue: Store) -> None:
    found = review_queue.outlook(queue, HOUR, NOW)
    assert found is not None
    assert found.forecast.waiting == 4
    # of the last day, as no shorter time has thirty decisions
    assert found.forecast.pace == Pace(24, 8, 4)
    assert found.simulated == 1


def test_a_young_queue_has_no_pace_over_hours_it_did_not_see(store: Store) -> None:
    rows: list[Row] = []
    for number in range(40):
        result, question = asked(f"{number}", 30 + number / 2)
        rows.append(question)
        if number < 32:
            rows.append(outcome_row(result, "a", at=moment(52)))
    store.insert(rows)
    found = review_queue.outlook(store, HOUR, NOW)
    assert found is not None
    assert found.forecast.pace == Pace(0.5, 40, 32)
