"""Answers: stored once, undone in time, published after."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from models.desk import Given
from models.task import Task
from streams.desk.errors import Conflict, LeaseLost, Misfit, NotThere, TooLate
from streams.desk.queue import decide, release, skip, undo
from tests.streams.desk.queue.bench import (
    AMBIGUOUS,
    PERSONAL,
    SCAM,
    WHY,
    Bench,
    arrival,
    task,
)

MULTILABEL = TypeAdapter[Task](Task)
Open = Callable[..., Bench]
Serve = Callable[[Mapping[str, Task]], Bench]


def test_an_answer_is_published_once_its_undo_time_is_over(opened: Open) -> None:
    bench = opened(undo_seconds=10)
    bench.add(arrival(5))
    ana = bench.person("ana")
    given = Given(answer="label", labels=("scam",), reason="a \x00 prize", seconds=2.5)
    loan = bench.loan(ana)
    bench.now += timedelta(seconds=4)
    receipt = decide(bench.desk, ana, loan.lease, given, bench.now)
    assert receipt.undo_until == bench.now + timedelta(seconds=10)
    assert bench.states() == {"leased": 1}
    bench.passes(9.999)
    assert bench.publish() == []
    bench.passes(0.001)
    decision, outcome = bench.publish()
    asked = arrival(5).task
    assert decision.model_dump(exclude={"decision_id", "schema_version"}) == {
        "kind": "decision",
        "result_id": asked.result_id,
        "sample_key": asked.sample_key,
        "source": asked.source.model_dump(),
        "task": asked.task.model_dump(),
        "run": "",
        "lane": "uncertain",
        "propensity": 0.5,
        "audit": True,
        "simulated": False,
        "reviewer": "ana",
        "role": "review",
        "answer": "label",
        "labels": ("scam",),
        "against": None,
        "reason": "a \x00 prize",
        "seconds": 2.5,
        "suggestion_shown": False,
        "bulk": False,
        "decided_at": receipt.undo_until - timedelta(seconds=10),
    }
    assert outcome.kind == "outcome"
    assert (outcome.labels, outcome.state, outcome.answers) == (("scam",), "reviewed", 1)
    assert bench.keys == [(b"m-5", 1), (b"m-5", 1)]
    assert bench.publish() == []
    assert bench.states() == {"decided": 1}


def test_a_lost_response_may_be_asked_for_again(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    lease = bench.loan(ana).lease
    receipt = decide(bench.desk, ana, lease, SCAM, bench.now)
    later = bench.now + timedelta(hours=1)
    assert decide(bench.desk, ana, lease, SCAM, later) == receipt
    with pytest.raises(LeaseLost, match="has your answer already"):
        decide(bench.desk, ana, lease, PERSONAL, later)
    bench.passes(60)
    assert decide(bench.desk, ana, lease, SCAM, bench.now) == receipt
    assert len(bench.decisions) == 1


def test_only_the_holder_of_a_lease_answers_and_only_in_time(opened: Open) -> None:
    bench = opened(lease_seconds=20)
    bench.add(arrival(0))
    ana, bob = bench.person("ana"), bench.person("bob")
    lease = bench.loan(ana).lease
    for who, token in ((bob, lease), (ana, "guessed")):
        with pytest.raises(LeaseLost):
            decide(bench.desk, who, token, SCAM, bench.now)
    bench.now += timedelta(seconds=20)
    with pytest.raises(LeaseLost, match="no longer in your hands"):
        decide(bench.desk, ana, lease, SCAM, bench.now)
    bench.passes(0)
    assert bench.answers(bob)
    with pytest.raises(LeaseLost):
        decide(bench.desk, ana, lease, SCAM, bench.now)
    bench.checked()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(answer="label"), "exactly one label, not 0"),
        (Given(answer="label", labels=("scam", "personal")), "exactly one label, not 2"),
        (Given(answer="label", labels=("spam",)), "unknown label 'spam'; messages has scam"),
        (Given(answer="ambiguous", labels=("scam",)), "has no labels"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(
    opened: Open, given: Given, message: str
) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    lease = bench.loan(ana).lease
    with pytest.raises(Misfit, match=message):
        decide(bench.desk, ana, lease, given, bench.now)
    assert decide(bench.desk, ana, lease, SCAM, bench.now)


def test_a_multilabel_answer_has_any_number_of_labels_in_one_order(serving: Serve) -> None:
    many = task().model_dump(mode="json") | {"kind": "multilabel"}
    many.pop("annotator")
    bench = serving({"messages": MULTILABEL.validate_python(many)})
    bench.add(arrival(0), arrival(1), arrival(2))
    ana = bench.person("ana")
    bench.answers(ana, Given(answer="label", labels=("scam", "personal")))
    bench.now += timedelta(seconds=1)
    bench.answers(ana, Given(answer="label"))
    with pytest.raises(Misfit, match="once"):
        bench.answers(ana, Given(answer="label", labels=("scam", "scam")))
    bench.passes(60)
    assert [each.labels for each in bench.decisions] == [("personal", "scam"), ()]
    assert [each.ambiguous for each in bench.outcomes] == [False, False]


def test_undo_brings_the_item_back_and_nothing_of_the_answer_is_published(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana, bob = bench.person("ana"), bench.person("bob")
    receipt = bench.answers(ana, SCAM)
    bench.passes(9)
    loan = undo(bench.desk, ana, receipt.answer, bench.now)
    assert undo(bench.desk, ana, receipt.answer, bench.now) == loan
    assert bench.loan(ana) == loan
    assert bench.loans(bob) == []
    bench.passes(60)
    assert bench.decisions == []
    decide(bench.desk, ana, loan.lease, PERSONAL, bench.now)
    bench.passes(60)
    assert [each.labels for each in bench.decisions] == [("personal",)]
    bench.checked()


def test_undo_is_for_ones_own_answers_and_not_for_ever(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana, bob = bench.person("ana"), bench.person("bob")
    receipt = bench.answers(ana)
    for who, answer in ((bob, receipt.answer), (ana, "none")):
        with pytest.raises(NotThere):
            undo(bench.desk, who, answer, bench.now)
    bench.now += timedelta(seconds=10)
    with pytest.raises(TooLate):
        undo(bench.desk, ana, receipt.answer, bench.now)
    bench.passes(0)
    with pytest.raises(TooLate):
        undo(bench.desk, ana, receipt.answer, bench.now)


def test_an_undone_item_that_was_given_back_is_anybodys(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    receipt = bench.answers(ana)
    lease = undo(bench.desk, ana, receipt.answer, bench.now).lease
    release(bench.desk, ana, lease, bench.now)
    with pytest.raises(Conflict, match="out of your hands"):
        undo(bench.desk, ana, receipt.answer, bench.now)
    with pytest.raises(LeaseLost):
        decide(bench.desk, ana, lease, SCAM, bench.now)
    assert bench.loan(ana).text == "text 0", "an undone answer counts as never given"
    bench.checked()


def test_what_two_people_say_is_settled_by_a_senior_who_did_not(opened: Open) -> None:
    bench = opened(reviewers=2)
    bench.add(arrival(0))
    ana, sue, tom = bench.person("ana"), bench.person("sue", "senior"), bench.person("tom", "admin")
    bench.answers(ana, SCAM)
    bench.answers(sue, PERSONAL)
    bench.passes(10)
    assert bench.states() == {"open": 1}
    assert bench.loans(bench.person("bob")) == bench.loans(sue) == []
    loan = bench.loan(tom)
    assert loan.adjudication
    decide(bench.desk, tom, loan.lease, AMBIGUOUS, bench.now)
    bench.passes(10)
    assert [each.role for each in bench.decisions] == ["review", "review", "adjudication"]
    (outcome,) = bench.outcomes
    assert (outcome.ambiguous, outcome.adjudicated, outcome.agreed) == (True, True, False)
    assert (outcome.labels, outcome.answers) == ((), 3)
    bench.checked()


def test_without_adjudication_the_majority_decides(opened: Open) -> None:
    bench = opened(reviewers=3, adjudicate=False)
    bench.add(arrival(0))
    for name, given in (("ana", SCAM), ("bob", PERSONAL), ("cleo", SCAM)):
        bench.answers(bench.person(name), given)
    bench.passes(10)
    (outcome,) = bench.outcomes
    assert (outcome.labels, outcome.agreed, outcome.adjudicated) == (("scam",), False, False)


def test_no_more_time_is_believed_than_the_item_was_held(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0), arrival(1))
    ana = bench.person("ana")
    for measured in (500.0, None):
        lease = bench.loan(ana).lease
        bench.now += timedelta(seconds=7)
        given = Given(answer="label", labels=("scam",), seconds=measured)
        decide(bench.desk, ana, lease, given, bench.now)
    bench.passes(20)
    assert [each.seconds for each in bench.decisions] == [7.0, None]


def test_three_answers_faster_than_reading_are_bulk_whatever_the_screen_says(
    opened: Open,
) -> None:
    bench = opened()
    long = {"text": "word " * 120}
    bench.add(*(arrival(n, sample=long) for n in range(6)))
    ana = bench.person("ana")
    bench.loans(ana, 5)
    for seconds in (4, 4, 4, 11, 4, 4):
        bench.now += timedelta(seconds=seconds)
        given = Given(answer="label", labels=("scam",), seconds=86_000)
        decide(bench.desk, ana, bench.loans(ana)[0].lease, given, bench.now)
    bench.passes(30)
    assert [each.bulk for each in bench.decisions] == [False, False, True, False, False, False]


def test_what_was_undone_may_be_answered_quickly(opened: Open) -> None:
    bench = opened()
    bench.add(*(arrival(n) for n in range(3)))
    ana = bench.person("ana")
    for _ in range(2):
        bench.answers(ana)
    receipt = bench.answers(ana)
    loan = undo(bench.desk, ana, receipt.answer, bench.now)
    decide(bench.desk, ana, loan.lease, PERSONAL, bench.now)
    bench.passes(30)
    assert not any(each.bulk for each in bench.decisions)


def test_after_a_skip_there_is_no_answer(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    lease = bench.loan(ana).lease
    skip(bench.desk, ana, lease, WHY, bench.now)
    skip(bench.desk, ana, lease, WHY, bench.now)
    with pytest.raises(LeaseLost):
        decide(bench.desk, ana, lease, SCAM, bench.now)
    bench.checked()
