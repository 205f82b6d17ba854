"""Gold items and repeats, planted among live items where nobody can tell them apart."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, exists, literal, select, update

from agents.desk.interleave import REPEAT_AFTER, Kind, picked
from models.desk import Account
from models.review import DecisionRole
from streams.desk.queue.opening import Desk
from streams.desk.queue.showing import version_of
from streams.desk.schema import IS_REPEATABLE, answers, gold, gold_given

RECENT = 200
"""A repeat is one of so many latest answers, beyond those too fresh in mind."""


class Chosen(NamedTuple):
    """What a lease is to be on.

    Attributes:
        version: of the task, as shown; a planted item has that of the item it stands in for.
        earlier: the answer a repeat is compared with.
        undoes: the answer that was taken back.
        nth: how many loans its reviewer was given before.
    """

    role: DecisionRole
    task: str
    version: str
    item: int | None = None
    gold_id: str | None = None
    earlier: str | None = None
    undoes: str | None = None
    nth: int = 0


def planted(
    db: Connection, desk: Desk, who: Account, draw: tuple[Kind, Row[Any], int]
) -> Chosen | None:
    """What to plant in place of the item at hand; none when nothing fits, or nothing should be."""
    kind, head, given = draw
    if kind == "gold":
        return _gold(db, desk, who, head, given)
    if kind == "repeat":
        return _repeat(db, desk, who, head, given)
    return None


def _gold(db: Connection, desk: Desk, who: Account, head: Row[Any], given: int) -> Chosen | None:
    """A gold item of the same task that this reviewer has not had."""
    had = exists(literal(1)).where(
        gold_given.c.gold_id == gold.c.gold_id, gold_given.c.reviewer == who.name
    )
    query = select(gold.c.gold_id).where(
        gold.c.task == head.task, gold.c.retired_at.is_(None), ~had
    )
    fitting = list(db.execute(query).scalars())
    if not fitting:
        return None
    gold_id = picked(fitting, who.name, given, desk.secret)
    db.execute(gold_given.insert(), {"reviewer": who.name, "gold_id": gold_id})
    return Chosen("gold", head.task, version_of(db, head.id), gold_id=gold_id)


def _repeat(db: Connection, desk: Desk, who: Account, head: Row[Any], given: int) -> Chosen | None:
    """An item of the same task that this reviewer decided some time ago, once."""
    own = answers.c.reviewer == who.name
    fresh = (
        select(answers.c.at)
        .where(own, answers.c.state != "undone")
        .order_by(answers.c.at.desc())
        .offset(REPEAT_AFTER - 1)
        .limit(1)
    )
    since = db.execute(fresh).scalar_one_or_none()
    if since is None:
        return None
    query = (
        select(answers.c.answer, answers.c.item)
        .where(own, answers.c.task == head.task, IS_REPEATABLE, answers.c.at < since)
        .order_by(answers.c.at.desc())
        .limit(RECENT)
    )
    fitting = {row.answer: row.item for row in db.execute(query)}
    if not fitting:
        return None
    earlier = picked(list(fitting), who.name, given, desk.secret)
    db.execute(update(answers).where(answers.c.answer == earlier).values(repeated=True))
    version = version_of(db, head.id)
    return Chosen("repeat", head.task, version, item=fitting[earlier], earlier=earlier)
