"""Gold items and repeats among live items: present, and not to be told apart."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import select

from models.desk import Account, Given, GoldItem, Loan, NewGold
from streams.desk import schema
from streams.desk.queue import (
    add_gold,
    decide,
    escalate,
    release,
    retire_gold,
    skip,
    undo,
)
from streams.desk.queue.opening import read
from tests.streams.desk.queue.bench import AMBIGUOUS, PERSONAL, SCAM, WHY, Bench, arrival

Open = Callable[..., Bench]


def gold(bench: Bench, number: int = 0) -> GoldItem:
    wanted = NewGold(task="messages", text=f"gold {number}", labels=("scam",))
    return add_gold(bench.desk, "root", wanted, bench.now)


def roles(bench: Bench) -> dict[str, str]:
    query = select(schema.loans.c.lease, schema.loans.c.role)
    return read(bench.desk, lambda db: {row.lease: row.role for row in db.execute(query)})


def decides(bench: Bench, who: Account, loans: Iterable[Loan], given: Given) -> None:
    """On all of these; then the time to undo it is over."""
    for loan in loans:
        decide(bench.desk, who, loan.lease, given, bench.now)
    bench.passes(20)


def planted(bench: Bench, who: Account, role: str, most: int = 200) -> Loan:
    """The reviewer's next loan of that role, all before it decided."""
    for _ in range(most):
        loan = bench.loan(who)
        if roles(bench)[loan.lease] == role:
            return loan
        decides(bench, who, [loan], PERSONAL)
    raise AssertionError(f"no {role} in {most} loans")


@pytest.fixture
def busy(opened: Open) -> Bench:
    bench = opened(gold_share=0.3, repeat_share=0.3)
    bench.add(*(arrival(n) for n in range(120)))
    return bench


def test_a_gold_item_looks_like_any_other_and_is_given_once(busy: Bench) -> None:
    known = [gold(busy, n) for n in range(3)]
    ana = busy.person("ana")
    loans = []
    while found := busy.loans(ana, 5):
        loans += found
        decides(busy, ana, found, SCAM)
    by_role = roles(busy)
    texts = Counter(loan.text for loan in loans if by_role[loan.lease] == "gold")
    assert texts == Counter(item.text for item in known)
    shapes = {_shape(loan) for loan in loans}
    assert len(shapes) == 1, "nothing tells one kind from another"
    decisions = [each for each in busy.decisions if each.role == "gold"]
    assert {each.result_id for each in decisions} == {item.gold_id for item in known}
    assert {each.against for each in decisions} == {("scam",)}
    assert len(busy.outcomes) == 120
    busy.checked()


def _shape(loan: Loan) -> tuple[Any, ...]:
    length = loan.expires_at - loan.granted_at
    return (loan.task, loan.version, loan.context, loan.suggestion, loan.adjudication, length)


def test_a_repeat_is_an_own_answer_twenty_answers_old_compared_with_it(busy: Bench) -> None:
    ana = busy.person("ana")
    loan = planted(busy, ana, "repeat")
    order = [each.result_id for each in busy.decisions if each.role == "review"]
    decide(busy.desk, ana, loan.lease, SCAM, busy.now)
    busy.passes(20)
    (repeat,) = [each for each in busy.decisions if each.role == "repeat"]
    assert repeat.against == ("personal",)
    assert repeat.labels == ("scam",)
    before = order.index(repeat.result_id)
    assert len(order) - before > 20
    assert busy.states()["decided"] == len(order), "a repeat changes nothing of its item"
    busy.checked()


def test_an_answer_is_repeated_once_and_an_ambiguous_one_is_no_measure(opened: Open) -> None:
    bench = opened(repeat_share=0.5)
    bench.add(*(arrival(n) for n in range(60)))
    ana = bench.person("ana")
    while found := bench.loans(ana, 5):
        decides(bench, ana, found, AMBIGUOUS)
    repeats = [each for each in bench.decisions if each.role == "repeat"]
    assert len({each.result_id for each in repeats}) == len(repeats) > 5
    assert {each.against for each in repeats} == {None}


def test_nothing_is_planted_when_nothing_is_open(opened: Open) -> None:
    bench = opened(gold_share=0.5, repeat_share=0.5)
    gold(bench)
    assert bench.loans(bench.person("ana")) == []


def test_a_queue_without_gold_goes_on_with_live_items(opened: Open) -> None:
    bench = opened(gold_share=0.5, repeat_share=0.5)
    bench.add(*(arrival(n) for n in range(5)))
    assert len(bench.loans(bench.person("ana"), 5)) == 5


def test_retired_gold_is_planted_no_more(opened: Open) -> None:
    bench = opened(gold_share=0.5)
    retire_gold(bench.desk, "root", gold(bench).gold_id, bench.now)
    bench.add(*(arrival(n) for n in range(40)))
    ana = bench.person("ana")
    for _ in range(40):
        bench.answers(ana)
    assert set(roles(bench).values()) == {"review"}


@pytest.mark.parametrize("end", [skip, escalate])
def test_to_pass_gold_on_ends_it(busy: Bench, end: Callable[..., None]) -> None:
    gold(busy)
    ana = busy.person("ana")
    loan = planted(busy, ana, "gold")
    end(busy.desk, ana, loan.lease, WHY, busy.now)
    with pytest.raises(AssertionError, match="no gold"):
        planted(busy, ana, "gold", 40)
    busy.checked()


@pytest.mark.parametrize("lapses", [True, False])
@pytest.mark.parametrize("role", ["gold", "repeat"])
def test_what_is_given_back_may_be_planted_again(busy: Bench, role: str, lapses: bool) -> None:
    gold(busy)
    ana = busy.person("ana")
    loan = planted(busy, ana, role)
    if lapses:
        busy.passes(121)
    else:
        release(busy.desk, ana, loan.lease, busy.now)
    assert planted(busy, ana, role).text
    busy.checked()


@pytest.mark.parametrize("role", ["gold", "repeat"])
def test_undo_brings_back_what_was_planted(busy: Bench, role: str) -> None:
    gold(busy)
    ana = busy.person("ana")
    loan = planted(busy, ana, role)
    receipt = decide(busy.desk, ana, loan.lease, PERSONAL, busy.now)
    again = undo(busy.desk, ana, receipt.answer, busy.now)
    assert (again.text, again.version) == (loan.text, loan.version)
    assert again.lease != loan.lease
    decide(busy.desk, ana, again.lease, SCAM, busy.now)
    busy.passes(20)
    assert [each.labels for each in busy.decisions if each.role == role] == [("scam",)]
    busy.checked()


def test_a_shown_suggestion_of_gold_is_always_the_same(opened: Open) -> None:
    bench = opened(gold_share=0.5, suggestion="shown")
    for number in range(16):
        gold(bench, number)
    bench.add(*(arrival(n) for n in range(100)))
    ana = bench.person("ana")
    shown: dict[str, set[tuple[str, ...] | None]] = {}
    for _ in range(100):
        loan = bench.loan(ana)
        if roles(bench)[loan.lease] == "gold":
            shown.setdefault(loan.text, set()).add(loan.suggestion)
            shown[loan.text].add(bench.loan(ana).suggestion)
        bench.answers(ana)
    assert len(shown) == 16
    assert all(len(each) == 1 for each in shown.values())
    assert {("scam",), ("personal",)} == set.union(*shown.values())
