"""A reviewer's calls, over real HTTP and a real queue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.desk import Given, Passed, Wanted
from models.review import Decision, Outcome
from streams.desk import queue
from streams.desk.errors import LeaseLost, Misfit, NotSignedIn, NotThere, TooLate
from tests.desk_bench import Bench, bench, label_of, task_of

SPAM = Given(answer="label", labels=("spam",), seconds=4.0)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    with bench(f"sqlite:///{tmp_path / 'desk.sqlite'}", {"mail": task_of(guidelines="Look!")}) as b:
        yield b


def test_from_the_next_item_to_a_published_decision(here: Bench) -> None:
    here.arrive([1])
    ann = here.signed_in("ann")
    [loan] = ann.next()
    assert (loan.text, loan.task, loan.suggestion) == ("message 1", "mail", None)
    receipt = ann.decide(loan.lease, SPAM)
    assert (receipt.undo_until - here.clock()).total_seconds() == 10
    assert here.published() == []
    here.clock.pass_by(11)
    decision, outcome = here.published()
    assert isinstance(decision, Decision)
    assert isinstance(outcome, Outcome)
    assert (decision.reviewer, decision.labels, decision.propensity) == ("ann", ("spam",), 0.5)
    assert (outcome.state, outcome.labels) == ("reviewed", ("spam",))
    assert ann.next() == []


def test_a_receipt_that_got_lost_is_asked_for_again(here: Bench) -> None:
    here.arrive([1])
    ann = here.signed_in("ann")
    [loan] = ann.next()
    assert ann.decide(loan.lease, SPAM) == ann.decide(loan.lease, SPAM)
    with pytest.raises(LeaseLost):
        ann.decide(loan.lease, Given(answer="label", labels=("ham",)))


def test_an_answer_can_be_undone_in_time_and_the_item_comes_back(here: Bench) -> None:
    here.arrive([1])
    ann = here.signed_in("ann")
    [loan] = ann.next()
    answer = ann.decide(loan.lease, SPAM).answer
    here.clock.pass_by(1)
    again = ann.undo(answer)
    assert again.text == loan.text
    assert again.lease != loan.lease
    second = ann.decide(again.lease, Given(answer="ambiguous", reason="both")).answer
    here.clock.pass_by(11)
    with pytest.raises(TooLate):
        ann.undo(second)
    here.published()
    assert [past.state for past in ann.history()] == ["final", "undone"]
    assert [past.state for past in ann.history(before=ann.history()[0].at)] == ["undone"]


def test_a_lease_lapses_unless_there_are_signs_of_life(here: Bench) -> None:
    here.arrive([1])
    ann, bo = here.signed_in("ann"), here.signed_in("bo")
    [loan] = ann.next()
    assert bo.next() == []
    here.clock.pass_by(100)
    held = ann.heartbeat(loan.lease)
    assert held.expires_at > loan.expires_at
    here.clock.pass_by(121)
    with pytest.raises(LeaseLost):
        ann.decide(loan.lease, SPAM)
    assert queue.tend(here.desk, here.clock()) == 1
    assert [one.text for one in bo.next()] == [loan.text]


def test_skip_escalate_and_release(here: Bench) -> None:
    here.arrive([1, 2, 3])
    ann, bo = here.signed_in("ann"), here.signed_in("bo", "senior")
    first, second, third = ann.next(Wanted(count=3))
    ann.skip(first.lease, Passed(reason="no idea"))
    ann.escalate(second.lease)
    ann.release(third.lease)
    assert (ann.me().skipped_today, ann.me().escalated_today) == (1, 1)
    loans = bo.next(Wanted(count=5))
    assert {one.text for one in loans if one.adjudication} == {second.text}
    assert {one.text for one in loans} == {"message 1", "message 2", "message 3"}


def test_nobody_answers_under_anothers_lease(here: Bench) -> None:
    here.arrive([1])
    ann, bo = here.signed_in("ann"), here.signed_in("bo")
    [loan] = ann.next()
    with pytest.raises(LeaseLost):
        bo.decide(loan.lease, SPAM)
    answer = ann.decide(loan.lease, SPAM).answer
    with pytest.raises(NotThere):
        bo.undo(answer)
    assert bo.history() == []


def test_an_answer_must_fit_the_task(here: Bench) -> None:
    here.arrive([1])
    ann = here.signed_in("ann")
    [loan] = ann.next()
    for wrong in (("junk",), (), ("ham", "spam")):
        with pytest.raises(Misfit):
            ann.decide(loan.lease, Given(answer="label", labels=wrong))
    assert ann.decide(loan.lease, SPAM).answer


def test_guidelines_and_labels_are_shown(here: Bench) -> None:
    ann = here.signed_in("ann")
    here.arrive([1])
    [loan], [shown] = ann.next(), ann.tasks()
    assert shown == ann.task("mail")
    assert shown.version == loan.version
    assert (shown.guidelines, [label.name for label in shown.labels]) == ("Look!", ["ham", "spam"])
    with pytest.raises(NotThere):
        ann.task("../mail")
    with pytest.raises(NotThere):
        ann.next(Wanted(task="other"))


def test_who_am_i_and_what_waits(here: Bench) -> None:
    here.arrive([1, 2])
    ann = here.signed_in("ann")
    assert (ann.me().name, ann.me().waiting) == ("ann", 2)
    [loan] = ann.next()
    ann.decide(loan.lease, SPAM)
    assert (ann.me().answered_today, ann.me().waiting) == (1, 1)


def test_a_revoked_token_is_an_unknown_one(here: Bench) -> None:
    ann = here.signed_in("ann")
    queue.revoke(here.desk, "test", "ann", here.clock())
    with pytest.raises(NotSignedIn):
        ann.me()


def test_two_reviewers_share_the_queue_and_never_an_item(here: Bench) -> None:
    here.arrive(range(10))
    seen = {"ann": set[str](), "bo": set[str]()}
    clients = {name: here.signed_in(name) for name in seen}
    while loans := [(n, one) for n, c in clients.items() for one in c.next(Wanted(count=2))]:
        for name, loan in loans:
            seen[name].add(loan.text)
            given = Given(answer="label", labels=(label_of(loan.text),))
            clients[name].decide(loan.lease, given)
    assert not seen["ann"] & seen["bo"]
    assert len(seen["ann"] | seen["bo"]) == 10
