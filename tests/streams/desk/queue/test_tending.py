"""What time does by itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from streams.desk.queue import tend, tending
from tests.streams.desk.queue.bench import PERSONAL, SCAM, Bench, arrival

Open = Callable[..., Bench]


def test_what_nobody_decides_in_time_expires(opened: Open) -> None:
    bench = opened(due_hours=1, reviewers=2)
    bench.add(arrival(0), arrival(1))
    bench.answers(bench.person("ana"), SCAM)
    bench.passes(3599)
    assert bench.outcomes == []
    bench.passes(1)
    assert [(each.state, each.answers) for each in bench.outcomes] == [
        ("expired", 1),
        ("expired", 0),
    ]
    assert all(each.labels == () and not each.ambiguous for each in bench.outcomes)
    assert bench.states() == {"expired": 2}
    assert bench.loans(bench.person("bob")) == []
    bench.checked()


def test_an_item_in_somebodys_hands_does_not_expire(opened: Open) -> None:
    bench = opened(due_hours=1)
    bench.add(arrival(0), arrival(1))
    ana, bob = bench.person("ana"), bench.person("bob")
    bench.now += timedelta(minutes=59)
    bench.loan(ana)
    bench.passes(60)
    bench.answers(ana, SCAM)
    assert bench.states() == {"leased": 1, "expired": 1}
    bench.passes(10)
    assert bench.states() == {"decided": 1, "expired": 1}
    assert bench.loans(bob) == []


def test_all_that_is_due_is_done_however_much_it_is(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "BATCH", 3)
    bench = opened(due_hours=1)
    bench.add(*(arrival(n) for n in range(20)))
    people = [bench.person(f"r{n}") for n in range(4)]
    for who in people:
        bench.answers(who, PERSONAL)
        bench.loans(who, 3)
    assert bench.passes(600) == 4 + 12
    assert bench.passes(3600) == 16
    assert tend(bench.desk, bench.now) == 0
    assert bench.states() == {"decided": 4, "expired": 16}
    bench.checked()


def test_decisions_go_out_in_the_order_they_were_given_and_before_their_outcome(
    opened: Open,
) -> None:
    bench = opened(reviewers=2)
    bench.add(arrival(0))
    for name in ("zoe", "ana"):
        bench.answers(bench.person(name), SCAM)
        bench.now += timedelta(seconds=1)
    bench.passes(30)
    told = [getattr(each, "reviewer", each.kind) for each in bench.publish()]
    assert told == ["zoe", "ana", "outcome"]


def test_a_simulated_answer_marks_decision_and_outcome(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0), arrival(1))
    robot = bench.person("robot", simulated=True)
    bench.answers(robot)
    bench.now += timedelta(seconds=1)
    bench.answers(bench.person("ana"))
    bench.passes(30)
    assert [each.simulated for each in bench.decisions] == [True, False]
    assert [each.simulated for each in bench.outcomes] == [True, False]
