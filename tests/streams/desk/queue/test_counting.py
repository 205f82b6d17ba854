"""The books, the lines of the queue, and what a reviewer sees of their own work."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.desk import Cancel, QueueLine
from models.review import ITEM_STATES
from streams.desk import schema
from streams.desk.errors import Misfit
from streams.desk.queue import (
    Arrival,
    audit_log,
    books,
    cancel,
    counting,
    decide,
    enqueue,
    escalate,
    history,
    lines,
    me,
    positions,
    skip,
    undo,
)
from streams.desk.queue.opening import read
from tests.data_records import NOON
from tests.streams.desk.queue.bench import AMBIGUOUS, SCAM, WHY, Bench, arrival

Open = Callable[..., Bench]
REVIEWS = ("tidegauge.reviews", 3)


def test_an_item_is_enqueued_once_with_the_position_it_was_read_at(opened: Open) -> None:
    bench = opened()
    two = [arrival(0), arrival(1)]
    assert enqueue(bench.desk, two, {REVIEWS: 7}, NOON) == 2
    assert enqueue(bench.desk, [*two, arrival(2)], {REVIEWS: 9, ("x", 0): 1}, NOON) == 1
    assert positions(bench.desk) == {REVIEWS: 9, ("x", 0): 1}
    assert enqueue(bench.desk, [], {REVIEWS: 10}, NOON) == 0
    assert positions(bench.desk)[REVIEWS] == 10
    assert enqueue(bench.desk, [arrival(3), arrival(3)], {}, NOON) == 1
    bench.checked()


def test_a_closed_item_stays_closed_when_its_record_comes_again(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    bench.answers(bench.person("ana"))
    bench.passes(60)
    assert bench.add(arrival(0)) == 0
    assert bench.states() == {"decided": 1}


def test_a_record_without_a_key_keeps_none(opened: Open) -> None:
    bench = opened()
    bench.add(Arrival(arrival(0).task, None, 2))
    bench.answers(bench.person("ana"))
    bench.passes(60)
    assert len(bench.publish()) == 2
    assert bench.keys == [(None, 2)] * 2


def test_the_books_of_an_empty_queue_balance(opened: Open) -> None:
    bench = opened()
    found = books(bench.desk)
    assert found.balanced
    assert found.states == dict.fromkeys(ITEM_STATES, 0)
    assert (found.enqueued, found.unsent, found.oldest_open) == (0, 0, None)


def test_the_books_say_the_same_before_and_after_counts_are_summed_up(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = opened()
    ana = bench.person("ana")
    for number in range(6):
        bench.add(arrival(number))
        bench.answers(ana)
        bench.passes(20)
    before = books(bench.desk)
    monkeypatch.setattr(counting, "FOLD_AT", 5)
    bench.passes(0)
    rows = select(func.count()).select_from(schema.counts)
    assert read(bench.desk, lambda db: db.execute(rows).scalar_one()) == 0
    assert books(bench.desk) == before
    assert (before.enqueued, before.states["decided"], before.unsent) == (6, 6, 12)


def test_items_of_a_task_without_a_file_wait_visibly(opened: Open) -> None:
    bench = opened()
    version = arrival(0).task.task.model_copy(update={"name": "stranger/1"})
    bench.add(arrival(0), arrival(1, task=version))
    found = books(bench.desk)
    assert (found.states["open"], found.unserved, found.oldest_open) == (2, 1, NOON)


def test_the_lines_tell_what_waits_where_and_since_when(opened: Open) -> None:
    bench = opened(pools={"german": {"lang": ["de"]}})
    bench.add(arrival(0), arrival(1, lane="policy"))
    bench.now += timedelta(hours=1)
    german = {"sample": {"tags": {"lang": "de"}}}
    bench.add(arrival(2), arrival(3), arrival(4, **german))
    ana = bench.person("ana")
    policy, uncertain, _, _ = bench.loans(ana, 4)
    decide(bench.desk, ana, policy.lease, SCAM, bench.now)
    escalate(bench.desk, ana, uncertain.lease, WHY, bench.now)
    shape = [(line.pool, line.lane, line.level, line.open, line.leased) for line in _lines(bench)]
    assert shape == [
        ("general", "policy", 0, 0, 1),
        ("general", "uncertain", 0, 0, 2),
        ("general", "uncertain", 1, 1, 0),
        ("german", "uncertain", 0, 1, 0),
    ]
    assert [line.oldest for line in _lines(bench)][2:] == [NOON, bench.now]


def _lines(bench: Bench) -> list[QueueLine]:
    return lines(bench.desk)


def test_only_open_items_are_cancelled_and_the_reason_is_kept(opened: Open) -> None:
    bench = opened()
    bench.add(*(arrival(n) for n in range(6)))
    bench.loan(bench.person("ana"))
    some = Cancel(results=(arrival(0).task.result_id, arrival(1).task.result_id), reason="twice")
    assert cancel(bench.desk, "root", some, bench.now) == 1
    every = Cancel(task="messages", reason="a wrong prompt")
    assert cancel(bench.desk, "root", every, bench.now) == 4
    assert cancel(bench.desk, "root", every, bench.now) == 0
    assert bench.states() == {"leased": 1, "cancelled": 5}
    assert {each.state for each in bench.outcomes} == {"cancelled"}
    assert audit_log(bench.desk, 1)[0].detail == "4 items: a wrong prompt"
    with pytest.raises(Misfit, match="name a task or results"):
        cancel(bench.desk, "root", Cancel(reason="all"), bench.now)
    bench.checked()


def test_a_reviewer_sees_their_own_answers_the_last_one_first(opened: Open) -> None:
    bench = opened()
    bench.add(*(arrival(n) for n in range(4)))
    ana, bob = bench.person("ana"), bench.person("bob")
    bench.answers(bob)
    bench.answers(ana)
    bench.passes(30)
    receipt = bench.answers(ana, AMBIGUOUS)
    bench.now += timedelta(seconds=1)
    undo(bench.desk, ana, receipt.answer, bench.now)
    bench.answers(ana)
    past = history(bench.desk, ana, 10, None)
    assert [(each.text, each.state, each.kind) for each in past] == [
        ("text 2", "pending", "label"),
        ("text 2", "undone", "ambiguous"),
        ("text 1", "final", "label"),
    ]
    assert history(bench.desk, ana, 1, past[0].at) == past[1:2]


def test_a_day_begins_at_midnight_utc(opened: Open) -> None:
    bench = opened()
    bench.add(*(arrival(n) for n in range(10)))
    ana = bench.person("ana")
    bench.answers(ana)
    bench.now = bench.now.replace(hour=23, minute=59)
    bench.passes(60)
    for end in (skip, escalate):
        end(bench.desk, ana, bench.loan(ana).lease, WHY, bench.now)
    bench.answers(ana)
    undo(bench.desk, ana, bench.answers(ana).answer, bench.now)
    found = me(bench.desk, ana, bench.now)
    assert (found.answered_today, found.skipped_today, found.escalated_today) == (1, 1, 1)
    assert found.waiting == 5


def test_a_senior_sees_more_waiting_than_a_reviewer(opened: Open) -> None:
    bench = opened(pools={"german": {"lang": ["de"]}})
    bench.add(arrival(0), arrival(1), arrival(2, sample={"tags": {"lang": "de"}}))
    ana = bench.person("ana")
    escalate(bench.desk, ana, bench.loan(ana).lease, WHY, bench.now)
    counts = {
        name: me(bench.desk, who, bench.now).waiting
        for name, who in {
            "ana": ana,
            "sue": bench.person("sue", "senior"),
            "grete": bench.person("grete", "senior", "german"),
        }.items()
    }
    assert counts == {"ana": 1, "sue": 2, "grete": 3}
