"""Leases that end without an answer."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from streams.desk.errors import Conflict, LeaseLost
from streams.desk.queue import decide, escalate, heartbeat, release, skip
from tests.streams.desk.queue.bench import PERSONAL, SCAM, WHY, Bench, arrival

Open = Callable[..., Bench]


def test_a_sign_of_life_keeps_a_lease_an_hour_at_most(opened: Open) -> None:
    bench = opened(lease_seconds=60)
    bench.add(arrival(0))
    ana = bench.person("ana")
    loan = bench.loan(ana)
    for _ in range(200):
        bench.now += timedelta(seconds=30)
        try:
            held = heartbeat(bench.desk, ana, loan.lease, bench.now)
        except LeaseLost:
            break
        assert held.expires_at <= loan.granted_at + timedelta(hours=1)
    assert bench.now == loan.granted_at + timedelta(hours=1)
    assert bench.passes(0) == 1
    assert len(bench.loans(bench.person("bob"))) == 1


def test_a_lapsed_lease_gives_the_item_to_others_and_again_to_the_same(opened: Open) -> None:
    bench = opened(lease_seconds=60)
    bench.add(arrival(0))
    ana = bench.person("ana")
    lost = bench.loan(ana).lease
    assert bench.passes(59.999) == 0
    assert bench.passes(0.001) == 1
    assert bench.states() == {"open": 1}
    assert bench.loan(ana).lease != lost
    for late in (heartbeat, release):
        with pytest.raises(LeaseLost):
            late(bench.desk, ana, lost, bench.now)
    bench.checked()


def test_an_item_given_back_unseen_may_come_again(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    lease = bench.loan(ana).lease
    release(bench.desk, ana, lease, bench.now)
    release(bench.desk, ana, lease, bench.now)
    assert bench.states() == {"open": 1}
    assert bench.loan(ana).text == "text 0"
    bench.checked()


def test_three_skips_pass_an_item_on_to_a_senior(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    people = [bench.person(name) for name in ("ana", "bob", "cleo", "dan")]
    for who in people[:3]:
        skip(bench.desk, who, bench.loan(who).lease, WHY, bench.now)
        assert bench.loans(who) == []
    assert bench.loans(people[3]) == []
    loan = bench.loan(bench.person("sue", "senior"))
    assert loan.adjudication
    bench.checked()


def test_a_senior_decides_what_was_escalated_while_others_finish_theirs(opened: Open) -> None:
    bench = opened(reviewers=3)
    bench.add(arrival(0))
    ana, bob, sue = bench.person("ana"), bench.person("bob"), bench.person("sue", "senior")
    bobs = bench.loan(bob).lease
    lease = bench.loan(ana).lease
    escalate(bench.desk, ana, lease, WHY, bench.now)
    escalate(bench.desk, ana, lease, WHY, bench.now)
    assert bench.loans(bench.person("cleo")) == [], "the first round takes nobody else"
    bench.answers(sue, PERSONAL)
    bench.passes(10)
    assert bench.states() == {"leased": 1}
    decide(bench.desk, bob, bobs, SCAM, bench.now)
    bench.passes(10)
    (outcome,) = bench.outcomes
    assert (outcome.labels, outcome.answers, outcome.agreed) == (("personal",), 2, False)
    bench.checked()


def test_an_escalated_item_closes_when_the_last_of_the_first_round_lapses(opened: Open) -> None:
    bench = opened(reviewers=2, lease_seconds=60)
    bench.add(arrival(0))
    ana, bob, sue = bench.person("ana"), bench.person("bob"), bench.person("sue", "senior")
    bench.loan(bob)
    escalate(bench.desk, ana, bench.loan(ana).lease, WHY, bench.now)
    bench.answers(sue, PERSONAL)
    bench.passes(10)
    assert bench.outcomes == []
    bench.passes(60)
    assert [each.answers for each in bench.outcomes] == [1]
    bench.checked()


def test_there_is_nobody_above_a_senior(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    sue, tom = bench.person("sue", "senior"), bench.person("tom", "senior")
    escalate(bench.desk, sue, bench.loan(sue).lease, WHY, bench.now)
    assert bench.loans(sue) == []
    lease = bench.loan(tom).lease
    with pytest.raises(Conflict, match="already"):
        escalate(bench.desk, tom, lease, WHY, bench.now)
    assert decide(bench.desk, tom, lease, SCAM, bench.now)
    bench.checked()
