"""Out of a queue and back into it: answers of other tools are decided like any other."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.desk import Given, NewAccount, Wanted
from models.review import Decision, Outcome
from streams.desk import queue
from streams.desk.exchange import taking
from streams.desk.exchange.records import Answer, Exported, Found
from streams.desk.exchange.taking import READ, WRITE, Choice, Format, items_for_export, take_file
from streams.desk.queue import Arrival
from streams.desk.queue.outside import Outside, take_answers
from tests.desk_bench import NOON, label_of, read, review, task_of

LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[queue.Desk]:
    """A queue whose items want two answers each."""
    task = task_of(reviewers=2, adjudicate="true", undo_seconds=10)
    url = f"sqlite:///{tmp_path / 'desk.sqlite'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_here").new_database()
    made = queue.open_desk(url, {task.name: task})
    yield made
    made.close()


def arrive(desk: queue.Desk, count: int) -> None:
    task = desk.tasks["mail"]
    arrivals = [Arrival(review(n, task), b"key", n % 4) for n in range(count)]
    queue.enqueue(desk, arrivals, {}, NOON)


def out(desk: queue.Desk, **choice: Any) -> list[Exported]:
    return items_for_export(desk, "test", Choice("mail", **choice), NOON)


def said(item: Exported, *labels: str, by: str = "ann", ambiguous: bool = False) -> Outside:
    given = Given(answer="ambiguous" if ambiguous else "label", labels=labels)
    return Outside(item.item, f"csv:{by}", given)


def outcomes(desk: queue.Desk, *answers: Outside) -> list[str]:
    return [each.outcome for each in take_answers(desk, "test", answers, LATER)]


def messages(desk: queue.Desk) -> list[Decision | Outcome]:
    queue.tend(desk, LATER)
    return [read(row.value) for row in queue.waiting_messages(desk, 1000)]


@pytest.mark.parametrize("kind", list(READ))
def test_a_round_trip_through_every_format(desk: queue.Desk, tmp_path: Path, kind: Format) -> None:
    arrive(desk, 6)
    answered = [
        Exported(**{name: getattr(item, name) for name in Exported.__slots__ if name != "answers"},
                 answers=tuple(Answer(who, Given(answer="label", labels=(label_of(item.text),)))
                               for who in ("ann", "bob")))
        for item in out(desk)
    ]  # fmt: skip
    path = tmp_path / "file"
    WRITE[kind](answered, desk.tasks["mail"], path)
    summary = take_file(desk, "test", READ[kind](path), kind, LATER)
    assert (dict(summary.counts), summary.bad) == ({"taken": 12}, [])
    found = messages(desk)
    decisions = [each for each in found if isinstance(each, Decision)]
    assert {each.reviewer for each in decisions} == {f"{kind}:ann", f"{kind}:bob"}
    assert {each.role for each in decisions} == {"review"}
    assert all(not each.simulated for each in decisions)
    states = {each.result_id: each.labels for each in found if isinstance(each, Outcome)}
    assert states == {item.item: (label_of(item.text),) for item in answered}
    again = take_file(desk, "test", READ[kind](path), kind, LATER)
    assert dict(again.counts) == {"known": 12}, "the same file once more changes nothing"
    reviewed = out(desk, state="reviewed")
    assert {item.item: len(item.answers) for item in reviewed} == {i.item: 2 for i in answered}
    assert out(desk) == []
    assert queue.books(desk).balanced


def test_no_item_gets_more_answers_than_it_asks_for(desk: queue.Desk) -> None:
    arrive(desk, 1)
    (item,) = out(desk)
    ann = queue.add_account(desk, "test", NewAccount(name="ann"), False, NOON).account
    assert len(queue.next_loans(desk, ann, Wanted(), LATER)) == 1, "held by somebody at the desk"
    assert outcomes(desk, said(item, "ham", by="x"), said(item, "ham", by="y")) == [
        "taken",
        "refused",
    ]
    (refused,) = take_answers(desk, "test", [said(item, "ham", by="z")], LATER)
    assert refused.why == "it asks for 2 answers, given or under way already"
    assert queue.books(desk).states["leased"] == 1


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ((), "exactly one label, not 0"),
        (("ham", "spam"), "not 2"),
        (("egg",), "unknown label 'egg'"),
    ],
)
def test_an_answer_must_fit_the_task(desk: queue.Desk, labels: tuple[str, ...], why: str) -> None:
    arrive(desk, 2)
    first, second = out(desk)
    odd, good = take_answers(desk, "test", [said(first, *labels), said(second, "ham")], LATER)
    assert (odd.outcome, good.outcome) == ("refused", "taken")
    assert why in odd.why


def test_unknown_closed_and_contradicting_answers_are_named(desk: queue.Desk) -> None:
    arrive(desk, 2)
    first, second = out(desk)
    nowhere = Exported("nowhere", "mail", "v", "x")
    assert outcomes(
        desk, said(nowhere, "ham"), said(first, "ham"), said(first, "spam"), said(first, "ham")
    ) == ["refused", "taken", "refused", "known"]
    (why,) = take_answers(desk, "test", [said(first, "spam")], LATER)
    assert why.why == "csv:ann answered it otherwise before"
    assert outcomes(desk, said(first, "ham", by="bob"), said(second, ambiguous=True)) == [
        "taken",
        "taken",
    ]
    messages(desk)
    (closed,) = take_answers(desk, "test", [said(first, "ham", by="eve")], LATER)
    assert closed.why == "it is decided already"


def test_where_two_tools_disagree_a_senior_decides_at_the_desk(desk: queue.Desk) -> None:
    arrive(desk, 1)
    (item,) = out(desk)
    assert outcomes(desk, said(item, "ham", by="x"), said(item, "spam", by="y")) == ["taken"] * 2
    messages(desk)
    assert out(desk) == [], "what waits for a senior does not leave the desk"
    (refused,) = take_answers(desk, "test", [said(item, "ham", by="z")], LATER)
    assert refused.why == "it waits for a senior at the desk"
    wanted = NewAccount(name="sue", role="senior")
    senior = queue.add_account(desk, "test", wanted, False, NOON).account
    (loan,) = queue.next_loans(desk, senior, Wanted(), LATER)
    queue.decide(desk, senior, loan.lease, Given(answer="label", labels=("ham",)), LATER)
    queue.tend(desk, LATER + timedelta(minutes=1))
    assert queue.books(desk).states["decided"] == 1


def test_times_of_other_clocks_stay_within_reason(desk: queue.Desk) -> None:
    arrive(desk, 2)
    for item, at in zip(
        out(desk), (NOON - timedelta(days=9), NOON + timedelta(days=9)), strict=True
    ):
        answer = Outside(item.item, "csv:ann", Given(answer="label", labels=("ham",)), at)
        assert take_answers(desk, "test", [answer], LATER)[0].outcome == "taken"
    times = {each.decided_at for each in messages(desk) if isinstance(each, Decision)}
    assert times == {NOON, LATER}


def test_what_leaves_tells_nothing_of_the_machine(desk: queue.Desk, tmp_path: Path) -> None:
    arrive(desk, 3)
    for kind in READ:
        path = tmp_path / kind
        WRITE[kind](out(desk), desk.tasks["mail"], path)
        for secret in (b"uncertain", b"propensity", b'"ham"'):
            assert secret not in path.read_bytes()
    told = out(desk, suggestions=True)
    assert {item.suggestion for item in told} == {("ham",)}
    assert len(out(desk, most=2)) == 2
    noted = [line.action for line in queue.audit_log(desk)]
    assert noted.count("items.export") == 6


def test_the_desk_goes_on_while_items_leave_it(
    desk: queue.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they take to put together, writers at the desk do not wait for it."""
    arrive(desk, 2)
    made: list[str] = []
    whole = taking._item

    def item_of(*arguments: Any) -> Exported:
        name = f"p{len(made)}"
        made.append(
            queue.add_account(desk, "test", NewAccount(name=name), False, NOON).account.name
        )
        return whole(*arguments)

    monkeypatch.setattr(taking, "_item", item_of)
    assert len(out(desk)) == 2
    assert made == ["p0", "p1"]
    assert [line.action for line in queue.audit_log(desk)].count("items.export") == 1


def test_bad_lines_are_told_by_their_place(desk: queue.Desk, tmp_path: Path) -> None:
    arrive(desk, 1)
    path = tmp_path / "tasks.json"
    body = [{"data": {"item": out(desk)[0].item}, "annotations": [{"completed_by": 1}]}, 7]
    path.write_text(json.dumps(body), encoding="utf-8")
    summary = take_file(desk, "test", READ["label-studio"](path), "label-studio", LATER)
    assert summary.bad == [
        f"{path}: record 2: task: expected an object, got 7",
        f"{path}: record 1, annotation 1: mail asks for exactly one label, not 0",
    ]


def test_many_answers_are_taken_in_parts(desk: queue.Desk) -> None:
    arrive(desk, 250)
    answers = [said(item, label_of(item.text)) for item in out(desk)]
    assert outcomes(desk, *answers) == ["taken"] * 250
    lines = [Found("x", a.item, Answer("bob", a.given)) for a in answers]
    assert take_file(desk, "test", lines, "csv", LATER).counts["taken"] == 250
    messages(desk)
    assert queue.books(desk).states["decided"] == 250
