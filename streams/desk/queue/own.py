"""What a reviewer sees of their own work."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from agents.desk.pools import levels_open_to, pools_open_to
from models.desk import Account, Me, Past
from streams.desk.queue.encoding import moment, ms, unpacked
from streams.desk.queue.opening import Desk, read
from streams.desk.schema import IS_LENDABLE, answers, contents, gold, items, loans, taken

MOST = 500


def history(
    desk: Desk,
    who: Account,
    limit: int,
    before: datetime | None,
) -> list[Past]:
    """The reviewer's own answers before a time, the last one first."""
    query = (
        select(answers, contents.c.body, gold.c.body.label("gold_body"))
        .outerjoin(contents, contents.c.item == answers.c.item)
        .outerjoin(gold, gold.c.gold_id == answers.c.gold_id)
        .where(answers.c.reviewer == who.name)
        .order_by(answers.c.at.desc(), answers.c.id.desc())
        .limit(min(limit, MOST))
    )
    if before is not None:
        query = query.where(answers.c.at < ms(before))
    return read(desk, lambda db: [_past(row) for row in db.execute(query)])


def _past(row: Row[Any]) -> Past:
    body = unpacked(row.body)["sample"] if row.gold_id is None else unpacked(row.gold_body)
    return Past(
        answer=row.answer,
        task=row.task,
        text=body["text"],
        kind=row.kind,
        labels=tuple(unpacked(row.labels)),
        reason=unpacked(row.reason),
        at=moment(row.at),
        undo_until=moment(row.undo_until),
        state=row.state,
    )


def me(desk: Desk, who: Account, now: datetime) -> Me:
    """Who the reviewer is, and how their day (UTC) went so far."""
    midnight = ms(now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    return read(desk, lambda db: _me(db, desk, who, midnight))


def _me(db: Connection, desk: Desk, who: Account, midnight: int) -> Me:
    answered = select(func.count()).where(
        answers.c.reviewer == who.name, answers.c.at >= midnight, answers.c.state != "undone"
    )
    ended = select(loans.c.ending, func.count().label("n")).where(
        loans.c.reviewer == who.name, loans.c.ended_at >= midnight
    )
    endings = {row.ending: row.n for row in db.execute(ended.group_by(loans.c.ending))}
    return Me(
        name=who.name,
        role=who.role,
        pools=who.pools,
        simulated=who.simulated,
        answered_today=db.execute(answered).scalar_one(),
        skipped_today=endings.get("skipped", 0),
        escalated_today=endings.get("escalated", 0),
        waiting=_waiting(db, desk, who),
    )


def _waiting(db: Connection, desk: Desk, who: Account) -> int:
    """Items open to the reviewer, less those they had already."""
    theirs = (
        items.c.task.in_(list(desk.tasks)),
        items.c.pool.in_(pools_open_to(who.pools)),
        items.c.level.in_(levels_open_to(who.role)),
    )
    every = select(func.count()).select_from(items).where(IS_LENDABLE, *theirs)
    had = (
        select(func.count())
        .select_from(taken.join(items, items.c.id == taken.c.item))
        .where(taken.c.reviewer == who.name, IS_LENDABLE, *theirs)
    )
    return int(db.execute(every).scalar_one() - db.execute(had).scalar_one())
