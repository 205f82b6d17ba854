"""Answers that people gave in another tool: taken as if they had held the item here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from models.desk import Given
from models.identity import digest
from streams.desk.errors import Conflict, DeskError, NotThere
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import ms, packed, unpacked
from streams.desk.queue.moving import item_of, keep
from streams.desk.queue.opening import Desk, write
from streams.desk.queue.served import fitting, task_of
from streams.desk.queue.showing import version_of
from streams.desk.schema import answers, items, loans, taken

BATCH = 100
"""Answers of one transaction: reviewers at the desk wait for it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """One answer from another tool.

    Attributes:
        item: the item's id, as it was exported.
        reviewer: with the tool's name in front, as in `label-studio:ann`: no account is called so.
        at: when it was given there, null if unknown.
        suggestion_shown: the annotator's labels were exported with the item.
    """

    item: str
    reviewer: str
    given: Given
    at: datetime | None = None
    suggestion_shown: bool = False


@dataclass(frozen=True, slots=True)
class Reception:
    """What became of an outside answer.

    Attributes:
        outcome: `known` was taken before, the same answer of the same reviewer.
        why: it was refused, for a person.
    """

    outcome: Literal["taken", "known", "refused"]
    why: str = ""


def take_answers(
    desk: Desk, actor: str, given: Sequence[Outside], now: datetime
) -> list[Reception]:
    """What became of each of these answers, in their order; one refused does not hinder the others.

    They are final at once and decided like any other. Nobody answers an item twice, and no item
    gets more answers than it asks for; those that wait for a senior are decided at the desk.

    Raises:
        QueueUnavailable: the database cannot be used now; ask again with all of them.
    """
    found: list[Reception] = []
    for first in range(0, len(given), BATCH):
        take = partial(_take, desk, actor, given[first : first + BATCH], ms(now))
        found += write(desk, take)
    return found


def _take(
    desk: Desk, actor: str, part: Sequence[Outside], now: int, db: Connection
) -> list[Reception]:
    rows = _locked(db, [each.item for each in part])
    found = [_one(db, desk, rows, each, now) for each in part]
    if count := sum(each.outcome == "taken" for each in found):
        note(db, now, actor, "answers.import", (part[0].reviewer.partition(":")[0], str(count)))
    return found


def _locked(db: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The items' rows, always locked in the order of their numbers.

    No item's id has characters that cannot be seen, and a database may refuse to look for them.
    """
    seen = sorted({each for each in ids if each.isprintable()})
    query = select(items).where(items.c.item_id.in_(seen)).order_by(items.c.id)
    return {row.item_id: row for row in db.execute(query.with_for_update(key_share=True))}


def _one(
    db: Connection, desk: Desk, rows: dict[str, Row[Any]], each: Outside, now: int
) -> Reception:
    """One answer, refused before anything of it is written."""
    try:
        row = rows.get(each.item)
        if row is None:
            raise NotThere(f"no item {each.item!r} is in this queue")
        labels = fitting(task_of(desk, row.task), each.given.answer, each.given.labels)
        if _known(db, row, each, labels):
            return Reception("known")
        _check_free(row)
        _insert(db, row, each, labels, now)
    except DeskError as exc:
        return Reception("refused", str(exc))
    rows[each.item] = db.execute(select(items).where(items.c.id == row.id)).one()
    return Reception("taken")


def _known(db: Connection, row: Row[Any], each: Outside, labels: tuple[str, ...]) -> bool:
    """The very answer is there already."""
    query = select(answers.c.kind, answers.c.labels).where(
        answers.c.item == row.id,
        answers.c.reviewer == each.reviewer,
        answers.c.state != "undone",
        answers.c.role != "repeat",
    )
    found = db.execute(query).one_or_none()
    if found is None:
        return False
    if (found.kind, tuple(unpacked(found.labels))) != (each.given.answer, labels):
        raise Conflict(f"{each.reviewer} answered it otherwise before")
    return True


def _check_free(row: Row[Any]) -> None:
    if row.closed_at is not None:
        raise Conflict(f"it is {row.state} already")
    if row.level:
        raise Conflict("it waits for a senior at the desk")
    if not row.free:
        asked = "one answer" if row.wanted == 1 else f"{row.wanted} answers"
        raise Conflict(f"it asks for {asked}, given or under way already")


def _insert(
    db: Connection, row: Row[Any], each: Outside, labels: tuple[str, ...], now: int
) -> None:
    """A lease that ended with this answer, and the place it fills."""
    at = _at(row, each, now)
    lease = digest("outside", each.item, each.reviewer)
    said = {
        "lease": lease,
        "reviewer": each.reviewer,
        "role": "review",
        "task": row.task,
        "item": row.id,
        "suggestion_shown": each.suggestion_shown,
    }
    lent = {"version": version_of(db, row.id), "nth": 0, "granted_at": at}
    db.execute(taken.insert(), {"reviewer": each.reviewer, "item": row.id})
    ended = {"expires_at": at, "ended_at": at, "ending": "answered"}
    db.execute(loans.insert(), said | lent | ended)
    answer = {
        "answer": digest("answer", lease),
        "simulated": False,
        "kind": each.given.answer,
        "labels": packed(labels),
        "reason": packed(each.given.reason),
        "seconds": each.given.seconds,
        "quick": False,
        "bulk": False,
        "at": at,
        "undo_until": now,
        "state": "pending",
        "repeated": False,
    }
    db.execute(answers.insert(), said | answer)
    item = item_of(row)
    keep(db, {item.id: item.places.lent().answered()})


def _at(row: Row[Any], each: Outside, now: int) -> int:
    """When it was given: by the other tool's clock, but between the item's coming and now."""
    said = now if each.at is None else ms(each.at)
    return int(min(max(said, row.enqueued_at), now))
