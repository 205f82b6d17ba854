"""Loans as their reviewer sees them: nothing tells a planted item from a live one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from agents.desk.interleave import planted_suggestion
from models.desk import Loan
from models.record import Version
from models.review import ReviewTask
from streams.desk.queue.encoding import moment, unpacked
from streams.desk.queue.opening import Desk
from streams.desk.schema import contents, gold, loans

Texts = dict[str, Any]
"""What of an item is read: `text`, `context`, `response`, `suggestion`."""


def loans_shown(db: Connection, desk: Desk, leases: Sequence[str]) -> list[Loan]:
    """These loans, in this order."""
    query = (
        select(loans, contents.c.body, gold.c.body.label("gold_body"))
        .outerjoin(contents, contents.c.item == loans.c.item)
        .outerjoin(gold, gold.c.gold_id == loans.c.gold_id)
        .where(loans.c.lease.in_(leases))
    )
    found = {row.lease: row for row in db.execute(query)} if leases else {}
    return [_shown(desk, found[lease]) for lease in leases]


def _shown(desk: Desk, row: Row[Any]) -> Loan:
    texts = _item_texts(row.body) if row.gold_id is None else _gold_texts(desk, row)
    return Loan(
        lease=row.lease,
        task=row.task,
        version=row.version,
        text=texts["text"],
        context=texts["context"],
        response=texts["response"],
        suggestion=texts["suggestion"] if row.suggestion_shown else None,
        adjudication=row.role == "adjudication",
        granted_at=moment(row.granted_at),
        expires_at=moment(row.expires_at),
    )


def _item_texts(body: bytes) -> Texts:
    task = ReviewTask.model_validate_json(body)
    sample = task.sample
    return {
        "text": sample.text,
        "context": sample.context,
        "response": sample.response,
        "suggestion": task.suggestion,
    }


def _gold_texts(desk: Desk, row: Row[Any]) -> Texts:
    stored = unpacked(row.gold_body)
    served = desk.tasks.get(row.task)
    names = served.label_names if served is not None else ()
    known = tuple(stored["labels"])
    suggestion = planted_suggestion(names, known, row.gold_id, desk.secret)
    return {**stored, "suggestion": suggestion}


def version_of(db: Connection, item: int) -> str:
    """The version of its task that an item was labelled under."""
    query = select(contents.c.asked).where(contents.c.item == item)
    return str(Version(**unpacked(db.execute(query).scalar_one())["task"]))
