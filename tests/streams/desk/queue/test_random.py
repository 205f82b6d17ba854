"""Random people at a random queue: what must hold, holds after every step."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models.desk import Account, Cancel, Given, Loan, NewAccount, NewGold, Receipt, Wanted
from streams.desk import queue
from streams.desk.errors import Conflict, LeaseLost, TooLate
from streams.desk.queue import counting
from tests.streams.desk.queue.bench import (
    AMBIGUOUS,
    PERSONAL,
    SCAM,
    WHY,
    Bench,
    arrival,
    in_memory,
    task,
)

PEOPLE = ("ana", "bob", "cleo", "dan")
who = st.sampled_from(PEOPLE)
given = st.sampled_from([SCAM, PERSONAL, AMBIGUOUS])
pick = st.integers(0, 9)


class Reviewing(RuleBasedStateMachine):
    """Four people, two of them seniors, who know only what the queue told them."""

    def __init__(self, new_url: Callable[[], str]) -> None:
        super().__init__()
        self.new_url = new_url
        self.bench: Bench
        self.people: dict[str, Account] = {}
        self.hands: dict[str, list[Loan]] = {name: [] for name in PEOPLE}
        self.receipts: list[tuple[str, str, Given, Receipt]] = []
        self.undone: set[str] = set()
        self.arrived = 0

    @initialize(
        reviewers=st.sampled_from([1, 2, 2, 3]),
        adjudicate=st.booleans(),
        undo_seconds=st.sampled_from([0, 5, 30]),
        shares=st.sampled_from([(0, 0), (0.3, 0.3)]),
    )
    def open(
        self, reviewers: int, adjudicate: bool, undo_seconds: int, shares: tuple[float, float]
    ) -> None:
        rules: Mapping[str, Any] = {
            "reviewers": reviewers,
            "adjudicate": adjudicate,
            "undo_seconds": undo_seconds,
            "lease_seconds": 20,
            "due_hours": 0.05,
            "gold_share": shares[0],
            "repeat_share": shares[1],
        }
        self.bench = Bench(queue.open_desk(self.new_url(), {"messages": task(**rules)}))
        in_memory(self.bench.desk)
        for name in PEOPLE:
            role = "senior" if name in PEOPLE[2:] else "reviewer"
            self.people[name] = self.bench.person(name, role)  # type: ignore[arg-type]
        gold = NewGold(task="messages", text="win a prize", labels=("scam",))
        queue.add_gold(self.desk, "root", gold, self.bench.now)
        self.arrive(3, 0)

    @property
    def desk(self) -> queue.Desk:
        return self.bench.desk

    @rule(new=st.integers(0, 4), again=st.integers(0, 3))
    def arrive(self, new: int, again: int) -> None:
        first = max(0, self.arrived - again)
        arrivals = [arrival(number) for number in range(first, self.arrived + new)]
        assert self.bench.add(*arrivals) == new
        self.arrived += new

    @rule(name=who, count=st.integers(1, 3))
    def ask(self, name: str, count: int) -> None:
        wanted = Wanted(count=count)
        self.hands[name] = queue.next_loans(self.desk, self.people[name], wanted, self.bench.now)

    @rule(name=who, which=pick, given=given, twice=st.booleans())
    def answer(self, name: str, which: int, given: Given, twice: bool) -> None:
        for loan in self.some_loan(name, which):
            receipt = queue.decide(self.desk, self.people[name], loan.lease, given, self.bench.now)
            if twice:
                again = queue.decide(
                    self.desk, self.people[name], loan.lease, given, self.bench.now
                )
                assert again == receipt
            self.receipts.append((name, loan.lease, given, receipt))

    @rule(count=st.integers(1, 3))
    def all_ask(self, count: int) -> None:
        for name in PEOPLE:
            self.ask(name, count)

    @rule(name=who, which=pick)
    def escalate(self, name: str, which: int) -> None:
        self.pass_on(name, which, "escalate")

    @rule(name=who, given=given)
    def answer_next(self, name: str, given: Given) -> None:
        self.answer(name, 0, given, False)

    @rule(name=who, which=pick, how=st.sampled_from(["skip", "escalate", "release", "heartbeat"]))
    def pass_on(self, name: str, which: int, how: str) -> None:
        person = self.people[name]
        for loan in self.some_loan(name, which, keep=how == "heartbeat"):
            self.pass_one_on(loan, person, how)

    def pass_one_on(self, loan: Loan, person: Account, how: str) -> None:
        now = self.bench.now
        if how == "release":
            queue.release(self.desk, person, loan.lease, now)
        elif how == "heartbeat":
            held = queue.heartbeat(self.desk, person, loan.lease, now)
            assert held.expires_at >= loan.expires_at
            hand = self.hands[person.name]
            hand[hand.index(loan)] = loan.model_copy(update={"expires_at": held.expires_at})
        elif how == "skip":
            queue.skip(self.desk, person, loan.lease, WHY, now)
        elif loan.adjudication:
            with pytest.raises(Conflict):
                queue.escalate(self.desk, person, loan.lease, WHY, now)
        else:
            queue.escalate(self.desk, person, loan.lease, WHY, now)

    def some_loan(self, name: str, which: int, *, keep: bool = False) -> list[Loan]:
        """A loan they believe to hold, tried at once where it has lapsed."""
        if not self.hands[name]:
            self.ask(name, 2)
        hand = self.hands[name]
        if not hand:
            return []
        loan = hand[which % len(hand)]
        if not keep:
            hand.remove(loan)
        if loan.expires_at > self.bench.now:
            return [loan]
        with pytest.raises(LeaseLost):
            queue.decide(self.desk, self.people[name], loan.lease, SCAM, self.bench.now)
        return []

    @precondition(lambda self: self.receipts)
    @rule(which=pick)
    def undo(self, which: int) -> None:
        name, _, _, receipt = self.receipts[-1 - which % len(self.receipts)]
        person = self.people[name]
        if receipt.undo_until <= self.bench.now and receipt.answer not in self.undone:
            with pytest.raises((TooLate, Conflict)):
                queue.undo(self.desk, person, receipt.answer, self.bench.now)
            return
        try:
            loan = queue.undo(self.desk, person, receipt.answer, self.bench.now)
        except Conflict:
            return  # it was undone before, and its item is out of their hands
        self.undone.add(receipt.answer)
        assert loan == queue.undo(self.desk, person, receipt.answer, self.bench.now)
        if loan.lease not in {each.lease for each in self.hands[name]}:
            self.hands[name].append(loan)

    @precondition(lambda self: self.receipts)
    @rule(which=pick, given=given)
    def answer_late(self, which: int, given: Given) -> None:
        name, lease, before, receipt = self.receipts[-1 - which % len(self.receipts)]
        try:
            again = queue.decide(self.desk, self.people[name], lease, given, self.bench.now)
        except LeaseLost:
            return
        assert (given, again) == (before, receipt)

    @rule(seconds=st.sampled_from([0.5, 3, 6, 11, 25, 130]), tend=st.booleans())
    def wait(self, seconds: float, tend: bool) -> None:
        self.bench.now += timedelta(seconds=seconds)
        if tend:
            queue.tend(self.desk, self.bench.now)
            assert queue.tend(self.desk, self.bench.now) == 0

    @precondition(lambda self: self.arrived)
    @rule(which=st.integers(0, 30))
    def cancel(self, which: int) -> None:
        result = arrival(which % self.arrived).task.result_id
        wanted = Cancel(results=(result, "nobody"), reason="a mistake")
        assert queue.cancel(self.desk, "root", wanted, self.bench.now) <= 1

    @rule(name=who, really=st.sampled_from([False, False, False, True]))
    def revoke(self, name: str, really: bool) -> None:
        """And sign them up anew; seldom, since much is given back."""
        if not really:
            return
        queue.revoke(self.desk, "root", name, self.bench.now)
        wanted = NewAccount(name=name, role=self.people[name].role)
        credentials = queue.add_account(self.desk, "root", wanted, False, self.bench.now)
        self.people[name] = credentials.account
        self.hands[name] = []

    @invariant()
    def all_holds(self) -> None:
        if hasattr(self, "bench"):
            self.bench.checked()

    def teardown(self) -> None:
        """In the end nothing waits for ever."""
        if not hasattr(self, "bench"):
            return
        self.bench.passes(3600)
        self.bench.passes(3600)
        self.bench.checked()
        assert set(self.bench.states()) <= {"decided", "expired", "cancelled"}
        self.desk.close()


def test_whatever_people_do_the_books_balance(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "FOLD_AT", 4)
    run_state_machine_as_test(
        lambda: Reviewing(new_url),  # type: ignore[arg-type]
        settings=settings(
            max_examples=30,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),  # with Phase.shrink a failure becomes small in minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
