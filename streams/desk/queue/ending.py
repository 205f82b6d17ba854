"""Leases end without an answer: given back, lapsed, passed by, or passed on to a senior."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, select, tuple_, update

from agents.desk.places import PARTS
from models.desk import Account, Held, Passed
from streams.desk.errors import Conflict, LeaseLost
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import moment, ms, packed
from streams.desk.queue.moving import Item, follow_up, locked
from streams.desk.queue.opening import Desk, write
from streams.desk.queue.served import review_of
from streams.desk.schema import answers, gold_given, loans, taken

HELD_AT_MOST_MS = 3_600_000
"""Signs of life keep a lease no longer than that: a page left open must not keep an item."""

LOST = "this item is no longer in your hands: it lapsed or was ended; go on with the next one"


def loan_of(db: Connection, who: Account, lease: str) -> Row[Any] | None:
    """A reviewer's lease, locked, whatever became of it."""
    query = select(loans).where(loans.c.lease == lease, loans.c.reviewer == who.name)
    return db.execute(query.with_for_update(key_share=True)).one_or_none()


def still_held(loan: Row[Any] | None, now: int) -> Row[Any]:
    """The lease, if it holds now.

    Raises:
        LeaseLost: it has lapsed, was ended, or never was theirs.
    """
    if loan is None or loan.ended_at is not None or loan.expires_at <= now:
        raise LeaseLost(LOST)
    return loan


def heartbeat(desk: Desk, who: Account, lease: str, now: datetime) -> Held:
    """The lease holds for the task's lease time from now, one hour in all at most.

    Raises:
        LeaseLost: it is over.
    """
    return write(desk, lambda db: _heartbeat(db, desk, (who, lease), ms(now)))


def _heartbeat(db: Connection, desk: Desk, whose: tuple[Account, str], now: int) -> Held:
    found = still_held(loan_of(db, *whose), now)
    wanted = now + round(review_of(desk, found.task).lease_seconds * 1000)
    longest = found.granted_at + HELD_AT_MOST_MS
    until = max(found.expires_at, min(wanted, longest))
    is_it = loans.c.lease == found.lease
    db.execute(update(loans).where(is_it).values(expires_at=until))
    return Held(lease=found.lease, expires_at=moment(until))


def release(desk: Desk, who: Account, lease: str, now: datetime) -> None:
    """Give an item back unseen; the reviewer may be given it again.

    Raises:
        LeaseLost: it is over.
    """
    write(desk, lambda db: _release(db, who, lease, ms(now)))


def _release(db: Connection, who: Account, lease: str, now: int) -> None:
    found = loan_of(db, who, lease)
    if not _ended_so(found, "released"):
        give_back(db, [still_held(found, now)], "released", now)


def skip(desk: Desk, who: Account, lease: str, passed: Passed, now: datetime) -> None:
    """Pass an item by: somebody else decides; after three skips a senior does.

    Raises:
        LeaseLost: the lease is over.
    """
    write(desk, lambda db: _skip(db, who, lease, passed, ms(now)))


def _skip(db: Connection, who: Account, lease: str, passed: Passed, now: int) -> None:
    asked = loan_of(db, who, lease)
    if _ended_so(asked, "skipped"):
        return
    found = still_held(asked, now)
    _end(db, [found], "skipped", now, passed)
    for item in _item_in(db, found):
        places = item.places.skipped(found.role)
        follow_up(db, [replace(item, places=places)], now)


def escalate(desk: Desk, who: Account, lease: str, passed: Passed, now: datetime) -> None:
    """Pass an item on to a senior.

    Raises:
        LeaseLost: the lease is over.
        Conflict: it is with the seniors already.
    """
    write(desk, lambda db: _escalate(db, who, lease, passed, ms(now)))


def _escalate(db: Connection, who: Account, lease: str, passed: Passed, now: int) -> None:
    asked = loan_of(db, who, lease)
    if _ended_so(asked, "escalated"):
        return
    found = still_held(asked, now)
    if found.role == "adjudication":
        raise Conflict("this item has been passed on to the seniors already: decide, or skip it")
    _end(db, [found], "escalated", now, passed)
    for item in _item_in(db, found):
        places = item.places.given_back(found.role).raised()
        follow_up(db, [replace(item, places=places)], now)
    note(db, now, who.name, "item.escalate", (found.lease, passed.reason))


def _ended_so(loan: Row[Any] | None, how: str) -> bool:
    """The same call came before, and only its response was lost."""
    return loan is not None and loan.ending == how


def _item_in(db: Connection, loan: Row[Any]) -> list[Item]:
    """The item whose place a lease fills; none for gold and repeats."""
    return list(locked(db, [loan.item]).values()) if loan.role in PARTS else []


def _end(
    db: Connection, ended: Sequence[Row[Any]], how: str, now: int, why: Passed | None = None
) -> None:
    leases = [loan.lease for loan in ended]
    reason = packed(why.reason) if why is not None else None
    change = update(loans).where(loans.c.lease.in_(leases))
    db.execute(change.values(ended_at=now, ending=how, reason=reason))


def give_back(
    db: Connection, held: Sequence[Row[Any]], how: Literal["released", "lapsed"], now: int
) -> None:
    """End these locked leases; their reviewers count as never having had them."""
    if not held:
        return
    _end(db, held, how, now)
    _forget(db, held)
    parts = [(loan.item, loan.role) for loan in held if loan.role in PARTS]
    found = locked(db, [item for item, _ in parts])
    for item, part in parts:
        before = found[item]
        found[item] = replace(before, places=before.places.given_back(part))
    follow_up(db, list(found.values()), now)


def _forget(db: Connection, held: Sequence[Row[Any]]) -> None:
    """Who gave something back may be given it again."""
    had = [(loan.reviewer, loan.item) for loan in held if loan.role in PARTS]
    planted = [(loan.reviewer, loan.gold_id) for loan in held if loan.role == "gold"]
    repeats = [loan.earlier for loan in held if loan.role == "repeat"]
    if had:
        db.execute(delete(taken).where(tuple_(taken.c.reviewer, taken.c.item).in_(had)))
    if planted:
        pair = tuple_(gold_given.c.reviewer, gold_given.c.gold_id)
        db.execute(delete(gold_given).where(pair.in_(planted)))
    if repeats:
        again = update(answers).where(answers.c.answer.in_(repeats))
        db.execute(again.values(repeated=False))
