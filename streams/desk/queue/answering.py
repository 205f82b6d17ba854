"""A reviewer decides, and may take it back for a while."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from agents.desk.pace import IN_A_ROW, is_bulk, is_quick, time_spent
from agents.desk.places import PARTS
from models.desk import Account, Given, Loan, Receipt
from models.identity import digest
from streams.desk.errors import Conflict, LeaseLost, NotThere, TooLate
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import moment, ms, packed, unpacked
from streams.desk.queue.ending import loan_of, still_held
from streams.desk.queue.lending import lend
from streams.desk.queue.moving import keep, locked
from streams.desk.queue.opening import Desk, write
from streams.desk.queue.planting import Chosen
from streams.desk.queue.served import fitting, review_of, task_of
from streams.desk.queue.showing import loans_shown
from streams.desk.schema import IS_LIVE, LENT, answers, contents, gold, loans


def decide(desk: Desk, who: Account, lease: str, given: Given, now: datetime) -> Receipt:
    """The reviewer's answer is stored; it is published once it can no longer be undone.

    The same answer under the same lease once more gets the same receipt.

    Raises:
        LeaseLost: the lease is over, or has another answer.
        Misfit: the answer does not fit the task.
        NotThere: the task is not served here any more.
    """
    return write(desk, lambda db: _decide(db, desk, (who, lease), given, ms(now)))


def _decide(
    db: Connection, desk: Desk, whose: tuple[Account, str], given: Given, now: int
) -> Receipt:
    who, lease = whose
    asked = loan_of(db, who, lease)
    if asked is not None and asked.ending == "answered":
        return _receipt_again(db, asked, given)
    loan = still_held(asked, now)
    labels = fitting(task_of(desk, loan.task), given.answer, given.labels)
    row = {
        "answer": digest("answer", lease),
        "lease": lease,
        "simulated": who.simulated,
        **{name: getattr(loan, name) for name in LENT},
        "kind": given.answer,
        "labels": packed(labels),
        "reason": packed(given.reason),
        **_pace(db, loan, given.seconds, now),
        "at": now,
        "undo_until": now + round(review_of(desk, loan.task).undo_seconds * 1000),
        "state": "pending",
        "repeated": False,
    }
    if loan.role in PARTS:
        item = locked(db, [loan.item])[loan.item]
        keep(db, {item.id: item.places.answered()})
    ended = update(loans).where(loans.c.lease == lease)
    db.execute(ended.values(ended_at=now, ending="answered"))
    db.execute(answers.insert(), row)
    return Receipt(answer=row["answer"], undo_until=moment(row["undo_until"]))


def _receipt_again(db: Connection, loan: Row[Any], given: Given) -> Receipt:
    row = db.execute(select(answers).where(answers.c.lease == loan.lease)).one()
    before = (row.kind, unpacked(row.labels), unpacked(row.reason))
    same = before == (given.answer, sorted(given.labels), given.reason)
    if not same or row.state == "undone":
        raise LeaseLost("this item has your answer already; undo it to give another")
    return Receipt(answer=row.answer, undo_until=moment(row.undo_until))


def _pace(db: Connection, loan: Row[Any], measured: float | None, now: int) -> dict[str, Any]:
    """How fast the answer came; what was taken back has been read already."""
    before = _last(db, loan.reviewer)
    age = (now - loan.granted_at) / 1000
    seconds = time_spent(measured, age)
    since = (now - before[0].at) / 1000 if before else age
    spent = min(each for each in (seconds, age, since) if each is not None)
    quick = loan.undoes is None and is_quick(max(spent, 0.0), _characters(db, loan))
    bulk = is_bulk(quick, [row.quick for row in before])
    return {"seconds": seconds, "quick": quick, "bulk": bulk}


def _characters(db: Connection, loan: Row[Any]) -> int:
    query = select(contents.c.characters).where(contents.c.item == loan.item)
    if loan.gold_id is not None:
        query = select(gold.c.characters).where(gold.c.gold_id == loan.gold_id)
    return int(db.execute(query).scalar_one())


def _last(db: Connection, reviewer: str) -> Sequence[Row[Any]]:
    """The reviewer's latest answers, the last one first."""
    query = select(answers.c.at, answers.c.quick).where(
        answers.c.reviewer == reviewer, answers.c.state != "undone"
    )
    return list(
        db.execute(query.order_by(answers.c.at.desc(), answers.c.id.desc()).limit(IN_A_ROW - 1))
    )


def undo(desk: Desk, who: Account, answer: str, now: datetime) -> Loan:
    """The answer counts for nothing, and its item is in the reviewer's hands again.

    Raises:
        NotThere: no such answer of theirs.
        TooLate: the undo time is over.
        Conflict: it was taken back before, and the item decided or given back since.
    """
    return write(desk, lambda db: _undo(db, desk, (who, answer), ms(now)))


def _undo(db: Connection, desk: Desk, whose: tuple[Account, str], now: int) -> Loan:
    who, answer = whose
    query = select(answers).where(answers.c.answer == answer, answers.c.reviewer == who.name)
    row = db.execute(query.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise NotThere("there is no such answer of yours")
    if row.state == "undone":
        return loans_shown(db, desk, [_lease_after(db, answer, now)])[0]
    if row.state == "final" or row.undo_until <= now:
        raise TooLate("the time to undo this answer is over: it is being published")
    db.execute(update(answers).where(answers.c.answer == answer).values(state="undone"))
    if row.role in PARTS:
        item = locked(db, [row.item])[row.item]
        keep(db, {item.id: item.places.undone()})
    before = db.execute(select(loans).where(loans.c.lease == row.lease)).one()
    same = {name: getattr(before, name) for name in Chosen._fields}
    lease = lend(db, desk, who, Chosen(**same | {"undoes": answer}), now)
    note(db, now, who.name, "answer.undo", (answer, ""))
    return loans_shown(db, desk, [lease])[0]


def _lease_after(db: Connection, answer: str, now: int) -> str:
    query = select(loans.c.lease).where(loans.c.undoes == answer, IS_LIVE, loans.c.expires_at > now)
    found = db.execute(query).scalar_one_or_none()
    if found is None:
        raise Conflict("this answer was taken back already, and its item is out of your hands")
    return str(found)
