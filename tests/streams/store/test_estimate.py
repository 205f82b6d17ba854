"""The accuracy of all traffic from outcomes, and which windows are still open."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.quality.intervals import nothing, wilson
from models.rows import Row
from streams.store.client import Store
from streams.store.figures.estimate import SETTLES, is_open, live_accuracy
from streams.store.figures.scope import Scope
from tests.data_rows import TASK, decision_row, moment, outcome_row, result_row, sample_row

HOUR = Scope(start=moment(0), end=moment(60), task=TASK)
OVER = HOUR.end + SETTLES
"""The hour is closed by then."""


def test_a_window_is_open_until_its_last_decisions_had_time_to_come() -> None:
    assert is_open(HOUR, HOUR.start)
    assert is_open(HOUR, HOUR.end + timedelta(seconds=1))
    assert not is_open(HOUR, OVER)
    assert not is_open(replace(HOUR, run="r1"), HOUR.start)


def test_what_people_tell_fills_until_nobody_is_asked_any_more() -> None:
    assert is_open(HOUR, OVER, pending=1)
    assert not is_open(HOUR, OVER, pending=0)
    assert not is_open(replace(HOUR, run="r1"), OVER, pending=1), "an evaluation asks nobody"


@pytest.mark.processes
def test_live_accuracy_joins_outcomes_to_their_recorded_probability(store: Store) -> None:
    rows: list[Row] = []
    for number in range(200):
        sample = sample_row(f"{number}", moment(number / 4), offset=number)
        drawn = number % 4 == 0
        result = result_row(
            sample, "a", propensity=0.25, draw=0.1 if drawn else 0.9, p_correct=None,
            judge_score=None, confidence=None,
        )  # fmt: skip
        rows += [sample, result]
        if drawn:
            rows.append(outcome_row(result, "a" if number % 20 else "b", simulated=number < 100))
    store.insert(rows)
    store.insert(rows)
    found = live_accuracy(store, HOUR, OVER)
    assert (found.accuracy.n, found.open, found.simulated) == (50, 0, 25)
    assert found.accuracy.value == pytest.approx(0.8)
    assert found.accuracy.low == pytest.approx(wilson(40, 50).low, abs=0.01)


@pytest.mark.processes
def test_outcomes_not_in_yet_widen_both_ends(store: Store) -> None:
    rows: list[Row] = []
    for number in range(40):
        sample = sample_row(f"{number}", moment(number), offset=number)
        result = result_row(sample, "a", propensity=1.0, draw=0.5)
        rows += [sample, result]
        if number >= 8:
            rows.append(outcome_row(result, "a"))
    store.insert(rows)
    found = live_accuracy(store, HOUR, OVER)
    assert (found.accuracy.n, found.open) == (32, 8)
    assert found.accuracy.value == 1.0
    assert found.accuracy.high == 1.0
    assert found.accuracy.low is not None
    assert found.accuracy.low < 0.7


def drawn_by_half(counts: int, undecided: int = 0) -> list[Row]:
    """Samples drawn with one half, every second one, and three of four labels right."""
    rows: list[Row] = []
    for number in range(2 * counts):
        sample = sample_row(f"{number}", moment(number * 30 / counts), offset=number)
        drawn = number % 2 == 0
        result = result_row(sample, "a", propensity=0.5, draw=0.1 if drawn else 0.9)
        rows += [sample, result]
        if drawn and number >= 2 * undecided:
            rows.append(outcome_row(result, "b" if number % 8 == 0 else "a"))
    return rows


@pytest.mark.processes
def test_an_open_windows_accuracy_waits_for_sixty_labels(store: Store) -> None:
    store.insert(drawn_by_half(60, undecided=1))
    early = live_accuracy(store, HOUR, HOUR.end)
    assert (early.accuracy, early.worth, early.needed) == (nothing(59, "sequence"), 59, 60)
    closed = live_accuracy(store, HOUR, OVER)
    assert (closed.accuracy.kind, closed.needed) == ("fixed", 30)
    assert closed.accuracy.value == pytest.approx(45 / 59)


@pytest.mark.processes
def test_an_open_windows_interval_is_the_wider_one(store: Store) -> None:
    store.insert(drawn_by_half(60))
    watched, once = (live_accuracy(store, HOUR, now).accuracy for now in (HOUR.end, OVER))
    assert (watched.kind, watched.value, watched.n) == ("sequence", once.value, 60)
    assert (watched.low or 1) < (once.low or 0) < (once.high or 1) < (watched.high or 0)


@pytest.mark.processes
@pytest.mark.parametrize(
    "unknown",
    [{"state": "expired"}, {"state": "cancelled"}, {"ambiguous": True}],
    ids=["expired", "cancelled", "ambiguous"],
)
def test_what_nobody_can_tell_stays_open(store: Store, unknown: dict[str, object]) -> None:
    rows: list[Row] = []
    for number in range(40):
        sample = sample_row(f"{number}", moment(number), offset=number)
        result = result_row(sample, "a", propensity=1.0, draw=0.5)
        told = outcome_row(result, "", **unknown) if number < 8 else outcome_row(result, "a")
        rows += [sample, result, told]
    store.insert(rows)
    found = live_accuracy(store, HOUR, OVER)
    assert (found.accuracy.n, found.open) == (32, 8)
    assert found.accuracy.low is not None
    assert found.accuracy.low < 0.7


@pytest.mark.processes
def test_gold_repeats_and_single_answers_never_touch_an_estimate(store: Store) -> None:
    """Only what all answers came to is a label's truth."""
    rows = drawn_by_half(40)
    store.insert(rows)
    before = live_accuracy(store, HOUR, OVER)
    asked = [row for row in rows if row.TABLE.name == "results"]
    answers = [
        decision_row(row, "b", role=role, reviewer="ben", measured=True, against=("b",))
        for row in asked
        for role in ("gold", "repeat", "review")
    ]
    store.insert(answers)
    assert before.accuracy.n == 40
    assert live_accuracy(store, HOUR, OVER) == before
