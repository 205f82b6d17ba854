"""How reviewers work: against values counted by hand, from rows stored once and twice."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.quality.agreement import Unit, cohen_kappa, krippendorff_alpha
from agents.quality.intervals import wilson
from agents.quality.sequences import share_sequence
from models.rows import Row
from streams.store.client import Store
from streams.store.figures import review_people
from streams.store.figures.estimate import SETTLES
from streams.store.figures.scope import Scope
from tests.data_rows import TASK, decision_row, moment, result_row, sample_row

pytestmark = pytest.mark.processes

HOUR = Scope(start=moment(0), end=moment(60), task=TASK)
OVER = HOUR.end + SETTLES


def item(number: int, **changes: Any) -> Row:
    sample = sample_row(f"s{number}", moment(number / 4), offset=number)
    return result_row(sample, "a", **{"lane": "uncertain", "propensity": 0.5, **changes})


def gold(number: int, said: str, known: tuple[str, ...], **changes: Any) -> Row:
    """An answer to a gold item, whose time is that of the answer."""
    planted = {"result_id": f"g{number}", "sample_key": "", "role": "gold", "lane": "gold"}
    values = {**planted, "measured": True, "against": known, "decision_id": f"g{number}", **changes}
    return decision_row(item(number), said, **values)


@pytest.fixture(params=["once", "twice"])
def desk(store: Store, request: pytest.FixtureRequest) -> Store:
    """Ana and Ben on eight items each, gold and repeats of Ana's, and somebody simulated."""
    said = {"ana": "aaabbbab", "ben": "aaabbabb", "sim-1": "aaaaaaaa", "sim-2": "aaaabbbb"}
    rows = [
        decision_row(
            item(number), label, reviewer=who, simulated=who.startswith("sim"),
            seconds=None if number == 7 else float(number + 1), bulk=who == "ben" and number < 2,
        )
        for who, labels in said.items()
        for number, label in enumerate(labels)
    ]  # fmt: skip
    rows += [
        decision_row(item(20), "", reviewer="ana"),
        decision_row(item(21), "a", reviewer="ana", role="adjudication"),
        decision_row(item(21), "b", reviewer="ben"),
        gold(1, "a", ("a",)),
        gold(2, "b", ("a",)),
        gold(3, "", ("a",)),
        gold(4, "b + a", ("b", "a"), labels=("a", "b")),
        decision_row(item(0), "a", role="repeat", measured=True, against=("a",)),
        decision_row(item(1), "b", role="repeat", measured=True, against=("a",)),
        decision_row(item(20), "a", role="repeat"),
        decision_row(item(300), "a", decided_at=moment(61)),
    ]
    for _ in range(2 if request.param == "twice" else 1):
        store.insert(rows)
    return store


def test_each_reviewers_work_is_their_own(desk: Store) -> None:
    frame = review_people.reviewers(desk, HOUR, OVER)
    assert list(frame["reviewer"]) == ["ana", "ben", "sim-1", "sim-2"], "people come first"
    ana, ben = frame.to_dict("records")[:2]
    assert (ana["answers"], ana["decisions"], ana["ambiguous"]) == (17, 10, 1)
    assert (ben["answers"], ben["bulk"], ben["simulated"]) == (9, pytest.approx(2 / 9), False)
    assert (ben["seconds"], ben["seconds_n"]) == (4.5, 8)


def test_gold_measures_accuracy_and_repeats_steadiness(desk: Store) -> None:
    ana = review_people.reviewers(desk, HOUR, OVER).iloc[0]
    right = wilson(2, 4)
    assert (ana["gold"], ana["gold_n"]) == (0.5, 4), "ambiguous is wrong: the labels are known"
    assert (ana["gold_low"], ana["gold_high"]) == (right.low, right.high)
    assert (ana["steady"], ana["steady_n"], ana["kind"]) == (0.5, 2, "fixed")
    ben = review_people.reviewers(desk, HOUR, OVER).iloc[1]
    assert ben[["gold", "gold_low", "steady"]].isna().all(), "unknown, not zero"


def test_an_open_window_has_intervals_for_every_look(desk: Store) -> None:
    ana = review_people.reviewers(desk, HOUR, HOUR.end).iloc[0]
    assert (ana["kind"], ana["gold_low"]) == ("sequence", share_sequence(2, 4).low)


def test_work_counts_when_it_was_done(desk: Store) -> None:
    later = replace(HOUR, start=moment(60.5), end=moment(70))
    [row] = review_people.reviewers(desk, later, OVER).to_dict("records")
    assert (row["reviewer"], row["answers"]) == ("ana", 1)


def test_pairs_share_what_both_answered(desk: Store) -> None:
    """Adjudication, gold and repeats are no second opinions; simulated ones stay apart."""
    people, simulated = review_people.pairs(desk, HOUR).to_dict("records")
    expected = cohen_kappa({("a", "a"): 3, ("b", "b"): 3, ("b", "a"): 1, ("a", "b"): 1})
    assert (people["one"], people["other"], people["n"]) == ("ana", "ben", 8)
    assert (people["agreement"], people["kappa"]) == (0.75, expected.kappa.value)
    assert (people["kappa_low"], people["kappa_high"]) == (expected.kappa.low, expected.kappa.high)
    assert (simulated["one"], simulated["other"]) == ("sim-1", "sim-2")
    assert simulated["kappa"] == 0.0


def test_alpha_is_of_all_who_answered(desk: Store) -> None:
    frame = review_people.alphas(desk, HOUR)
    units = [Unit({"a": 2})] * 3 + [Unit({"b": 2})] * 3 + [Unit({"a": 1, "b": 1})] * 2
    alpha = krippendorff_alpha(units, np.random.default_rng(1)).value
    people = frame[~frame["simulated"]]
    assert list(people["n"]) == [8, 8]
    assert people["value"].iloc[0] == pytest.approx(alpha)
    assert people["low"].iloc[0] < alpha < people["high"].iloc[0]
    assert list(frame["simulated"]) == [False, False, True, True]


def test_alpha_of_the_traffic_weights_what_was_seldom_asked(store: Store) -> None:
    rows = []
    for number in range(40):
        hard = number % 2 == 0
        asked = item(number, propensity=1.0 if hard else 0.1)
        other = ("b" if number % 4 else "a") if hard else "ab"[number % 3 == 0]
        rows += [
            decision_row(asked, "ab"[number % 3 == 0]),
            decision_row(asked, other, reviewer="ben"),
        ]
    store.insert(rows)
    plain, weighted = review_people.alphas(store, HOUR)["value"]
    assert weighted > plain + 0.2


def test_simulated_reviewers_never_crowd_people_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_people, "UNIT_LIMIT", 2)
    rows = [
        decision_row(item(number), "a", reviewer=f"{who}{one}", simulated=who == "sim-")
        for who, numbers in (("ana", range(3)), ("sim-", range(10, 14)))
        for number in numbers
        for one in (1, 2)
    ]
    store.insert(rows)
    frame = review_people.alphas(store, HOUR)
    assert list(frame["simulated"]) == [False, False, True, True]
    assert list(frame["n"]) == [2, 2, 2, 2]


def test_nobody_answered(store: Store) -> None:
    for figure in (review_people.pairs, review_people.alphas):
        assert not len(figure(store, HOUR))
    assert not len(review_people.reviewers(store, HOUR, OVER))
