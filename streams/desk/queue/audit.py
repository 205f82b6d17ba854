"""Who did what to the queue beside answering: one line each, in the transaction that did it."""

from datetime import datetime

from sqlalchemy import Connection, select

from models.desk import Noted
from streams.desk.queue.encoding import moment, ms, packed, unpacked
from streams.desk.queue.opening import Desk, read
from streams.desk.schema import audit


def note(db: Connection, now: int, actor: str, action: str, told: tuple[str, str]) -> None:
    """Add a line: an action and what it was done to, with a detail."""
    target, detail = told
    row = {"at": now, "actor": actor, "action": action}
    db.execute(audit.insert(), row | {"target": packed(target), "detail": packed(detail)})


def audit_log(desk: Desk, limit: int = 100, before: datetime | None = None) -> list[Noted]:
    """The latest lines, the last one first."""
    query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.at < ms(before))
    return read(
        desk,
        lambda db: [
            Noted(
                at=moment(row.at),
                actor=row.actor,
                action=row.action,
                target=unpacked(row.target),
                detail=unpacked(row.detail),
            )
            for row in db.execute(query)
        ],
    )
