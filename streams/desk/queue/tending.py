"""What time does to the queue: leases lapse, answers become final, items expire."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, select, update

from agents.desk.places import PARTS
from streams.desk.queue.counting import fold, wants_folding
from streams.desk.queue.encoding import ms
from streams.desk.queue.ending import give_back
from streams.desk.queue.moving import close, final_answers, follow_up, locked, unanswered
from streams.desk.queue.opening import Desk, read, write
from streams.desk.queue.publishing import publish
from streams.desk.schema import IS_LIVE, IS_OPEN, IS_PENDING, answers, items, loans

BATCH = 200
"""Rows of one transaction: nobody waits for it longer than that takes."""


def tend(desk: Desk, now: datetime) -> int:
    """How many leases lapsed, answers became final and items expired: all that was due.

    Cheap while nothing is due, which is found out without writing.
    """
    at = ms(now)
    done = sum(_all_due(desk, step, at) for step in STEPS)
    if read(desk, wants_folding):
        write(desk, fold)
    return done


class Step(NamedTuple):
    """One thing that falls due: its rows, in which order, and what is done with them."""

    table: Table
    due: Callable[[int], ColumnElement[bool]]
    order: tuple[ColumnElement[Any], ...]
    work: Callable[[Connection, list[Any], int], None]


def _all_due(desk: Desk, step: Step, now: int) -> int:
    probe = select(step.order[0]).where(step.due(now)).limit(1)
    done = 0
    while read(desk, lambda db: db.execute(probe).first()) is not None:
        changed = write(desk, lambda db: _some_due(db, step, now))
        done += changed
        if not changed:
            break  # another process is at the rest
    return done


def _some_due(db: Connection, step: Step, now: int) -> int:
    query = select(step.table).where(step.due(now)).order_by(*step.order).limit(BATCH)
    rows = list(db.execute(query.with_for_update(skip_locked=True, key_share=True)))
    if rows:
        step.work(db, rows, now)
    return len(rows)


def _lapse(db: Connection, held: list[Any], now: int) -> None:
    give_back(db, held, "lapsed", now)


def _settle(db: Connection, given: list[Any], now: int) -> None:
    """Their decisions are on their way out, and where they were the last ones, the outcomes."""
    final = update(answers).where(answers.c.answer.in_([row.answer for row in given]))
    db.execute(final.values(state="final"))
    publish(db, given)
    parts = [row.item for row in given if row.role in PARTS]
    found = locked(db, parts)
    for item in parts:
        found[item] = replace(found[item], places=found[item].places.settled())
    follow_up(db, list(found.values()), now)


def _expire(db: Connection, due: list[Any], now: int) -> None:
    """Nobody decided on them in time."""
    given = final_answers(db, [row.id for row in due])
    close(db, [unanswered(row.id, "expired", given[row.id]) for row in due], now)


STEPS = (
    Step(
        loans,
        lambda now: and_(IS_LIVE, loans.c.expires_at <= now),
        (loans.c.expires_at, loans.c.lease),
        _lapse,
    ),
    Step(
        answers,
        lambda now: and_(IS_PENDING, answers.c.undo_until <= now),
        (answers.c.undo_until, answers.c.id),
        _settle,
    ),
    Step(
        items,
        lambda now: and_(IS_OPEN, items.c.due_at <= now),
        (items.c.due_at, items.c.id),
        _expire,
    ),
)
