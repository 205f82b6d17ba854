"""A queue with people at it and a clock that stands until told: what the tests of a queue share."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, event, select

from agents.desk.places import PARTS
from models.desk import (
    Account,
    AccountRole,
    Given,
    Loan,
    NewAccount,
    Passed,
    Receipt,
    Wanted,
)
from models.review import Decision, Outcome, ReviewTask
from models.task import ClassificationTask, Task
from streams.desk import schema
from streams.desk.queue import (
    Arrival,
    Desk,
    add_account,
    books,
    decide,
    enqueue,
    next_loans,
    sent,
    tend,
    waiting_messages,
)
from streams.desk.queue.encoding import ms
from streams.desk.queue.opening import read
from tests.data_records import NOON, result, sample

SCAM = Given(answer="label", labels=("scam",))
PERSONAL = Given(answer="label", labels=("personal",))
AMBIGUOUS = Given(answer="ambiguous")
WHY = Passed(reason="not \x00 mine")

PLAIN: Mapping[str, Any] = {"gold_share": 0, "repeat_share": 0}
"""Reviewing without planted items, which most tests are not about."""


def task(name: str = "messages", **review: Any) -> Task:
    """A task that is reviewed like that."""
    return ClassificationTask.model_validate(
        {
            "kind": "classification",
            "name": name,
            "instructions": "Advertisement or scam, or a message from a friend?",
            "labels": [{"name": "scam"}, {"name": "personal"}],
            "review": {**PLAIN, **review},
        }
    )


def review(number: int, **changes: Any) -> ReviewTask:
    """The review task of the sample of this number; `sample` changes that."""
    found = result(number)
    of = sample(number, **changes.pop("sample", {}))
    values: dict[str, Any] = {
        "result_id": found.result_id,
        "sample_key": of.key(),
        "source": found.source,
        "sample": of,
        "task": found.task,
        "suggestion": ("scam",),
        "lane": "uncertain",
        "propensity": 0.5,
        "audit": True,
    }
    return ReviewTask(**values | changes)


def arrival(number: int, **changes: Any) -> Arrival:
    """It as it comes from the topic."""
    return Arrival(review(number, **changes), f"m-{number}".encode(), number % 4)


def in_memory(desk: Desk) -> None:
    """Nothing here survives a machine, so nothing has to reach its disk."""
    if desk.engine.dialect.name == "sqlite":
        event.listen(desk.engine, "connect", lambda db, _: db.execute("PRAGMA synchronous = OFF"))
        desk.engine.dispose()


@dataclass
class Bench:
    """A queue, what was published of it, and the time."""

    desk: Desk
    now: Any = NOON
    published: list[Decision | Outcome] = field(default_factory=list)
    keys: list[tuple[bytes | None, int]] = field(default_factory=list)

    def add(self, *arrivals: Arrival) -> int:
        """Enqueue these."""
        return enqueue(self.desk, arrivals, {}, self.now)

    def person(
        self, name: str, role: AccountRole = "reviewer", *pools: str, simulated: bool = False
    ) -> Account:
        """Somebody new at the desk."""
        wanted = NewAccount(name=name, role=role, pools=pools)
        return add_account(self.desk, "root", wanted, simulated, self.now).account

    def loans(self, who: Account, count: int = 1, **wanted: Any) -> list[Loan]:
        """What they have in hand after asking for so many."""
        return next_loans(self.desk, who, Wanted(count=count, **wanted), self.now)

    def loan(self, who: Account) -> Loan:
        """The one they have in hand then."""
        (found,) = self.loans(who)
        return found

    def answers(self, who: Account, given: Given = SCAM) -> Receipt:
        """They decide on their next one."""
        return decide(self.desk, who, self.loan(who).lease, given, self.now)

    def passes(self, seconds: float) -> int:
        """Time passes, and the queue is tended; how much fell due."""
        self.now += timedelta(seconds=seconds)
        return tend(self.desk, self.now)

    def publish(self) -> list[Decision | Outcome]:
        """What is sent to the broker now."""
        rows = waiting_messages(self.desk, 10_000)
        assert [row.seq for row in rows] == sorted(row.seq for row in rows)
        new: list[Decision | Outcome] = [_message(row.value) for row in rows]
        if rows:
            sent(self.desk, [row.seq for row in rows])
        self.published += new
        self.keys += [(row.key, row.partition) for row in rows]
        return new

    @property
    def decisions(self) -> list[Decision]:
        """All decisions published so far, those that wait now too."""
        self.publish()
        return [each for each in self.published if isinstance(each, Decision)]

    @property
    def outcomes(self) -> list[Outcome]:
        """All outcomes published so far, those that wait now too."""
        self.publish()
        return [each for each in self.published if isinstance(each, Outcome)]

    def states(self) -> dict[str, int]:
        """How many items are in which state, without the empty ones."""
        found = books(self.desk)
        assert found.balanced
        return {state: n for state, n in found.states.items() if n}

    def checked(self) -> None:
        """Everything that must hold at any moment does."""
        self.publish()
        read(self.desk, self._check)

    def _check(self, db: Connection) -> None:
        rows = {row.id: row for row in db.execute(select(schema.items))}
        loans = list(db.execute(select(schema.loans)))
        answers = list(db.execute(select(schema.answers)))
        self._check_books(rows.values())
        for item in rows.values():
            _check_item(
                item,
                [row for row in loans if row.item == item.id and row.role in PARTS],
                [row for row in answers if row.item == item.id and row.role in PARTS],
            )
        _check_taken(db, rows)
        self._check_published(rows, answers)

    def _check_books(self, rows: Iterable[Row[Any]]) -> None:
        """The books as they are kept are those that a recount gives."""
        found = books(self.desk)
        recounted = Counter(row.state for row in rows)
        assert {state: n for state, n in found.states.items() if n} == recounted
        assert found.enqueued == recounted.total()
        assert found.balanced

    def _check_published(self, rows: Mapping[int, Row[Any]], answers: list[Row[Any]]) -> None:
        """Each final answer is one decision, each closed item one outcome; nothing came early."""
        decisions = [each for each in self.published if isinstance(each, Decision)]
        final = [row for row in answers if row.state == "final"]
        said = Counter(
            (each.reviewer, each.role, each.result_id, ms(each.decided_at)) for each in decisions
        )
        told = Counter(
            (row.reviewer, row.role, row.gold_id or rows[row.item].item_id, row.at) for row in final
        )
        assert said == told
        assert len({each.decision_id for each in decisions}) == len(decisions)
        assert all(row.undo_until <= ms(self.now) for row in final)
        outcomes = Counter(each.result_id for each in self.published if isinstance(each, Outcome))
        closed = {row.item_id: 1 for row in rows.values() if row.closed_at is not None}
        assert outcomes == closed


def _check_item(item: Row[Any], loans: list[Row[Any]], answers: list[Row[Any]]) -> None:
    live = [row for row in loans if row.ended_at is None]
    given = [row for row in answers if row.state != "undone"]
    assert len(live) == item.live
    assert sum(row.state == "pending" for row in given) == item.pending
    assert sum(row.state == "final" for row in given) == item.final
    assert len(live) + len(given) <= item.reviewers + item.level
    people = Counter(row.reviewer for row in [*live, *given])
    assert not people or max(people.values()) == 1
    seniors = [row for row in [*live, *given] if row.role == "adjudication"]
    if item.level == 0:
        assert (item.wanted, seniors) == (item.reviewers, [])
    if item.closed_at is None:
        assert not item.level or item.free + len(seniors) == 1
        assert item.state == ("leased" if live or item.pending else "open")
        assert item.free or live or item.pending, "nobody can ever close it"
    else:
        assert not live
        assert not item.pending
        assert len(seniors) <= item.level
        assert item.state != "decided" or item.free == 0


def _check_taken(db: Connection, rows: Mapping[int, Row[Any]]) -> None:
    """Who is not given an item again is who has it, answered or passed it by, while it waits."""
    loans = db.execute(select(schema.loans).where(schema.loans.c.role.in_(PARTS)))
    undone = set(
        db.execute(
            select(schema.answers.c.lease).where(schema.answers.c.state == "undone")
        ).scalars()
    )
    had = {
        (row.reviewer, row.item)
        for row in loans
        if row.ending not in ("lapsed", "released")
        and row.lease not in undone
        and rows[row.item].closed_at is None
    }
    stored = db.execute(select(schema.taken.c.reviewer, schema.taken.c.item))
    assert {(row.reviewer, row.item) for row in stored} == had


def _message(value: bytes) -> Decision | Outcome:
    if b'"kind":"outcome"' in value:
        return Outcome.model_validate_json(value)
    return Decision.model_validate_json(value)
