"""An item's row, and every change of its places or state: what the books are made of."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from agents.desk.consensus import Consensus, Said, adjudicated, consensus, said
from agents.desk.places import Places
from models.review import Asked, ItemState, Outcome
from streams.desk.queue.encoding import moment, unpacked
from streams.desk.schema import answers, contents, counts, items, outbox, taken

OUTCOME_STATES: Mapping[ItemState, Literal["reviewed", "expired", "cancelled"]] = {
    "decided": "reviewed",
    "expired": "expired",
    "cancelled": "cancelled",
}

_PLACES = ("wanted", "level", "live", "pending", "final", "skips")


@dataclass(frozen=True, slots=True)
class Item:
    """An item whose row this transaction has locked."""

    id: int
    adjudicate: bool
    places: Places


@dataclass(frozen=True, slots=True)
class Closing:
    """An item that closes now, and as what.

    Attributes:
        consensus: of its answers.
        answers: how many it has.
    """

    item: int
    state: ItemState
    consensus: Consensus
    answers: int
    adjudicated: bool = False
    simulated: bool = False


def locked(db: Connection, ids: Iterable[int]) -> dict[int, Item]:
    """These items, in nobody else's hands until this transaction ends.

    Several are always locked in the order of their numbers, and before rows that name them are
    written, so that no two transactions wait for each other.
    """
    wanted = sorted(set(ids))
    query = (
        select(items)
        .where(items.c.id.in_(wanted))
        .order_by(items.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id: item_of(row) for row in db.execute(query)} if wanted else {}


def item_of(row: Row[Any]) -> Item:
    """The item of a locked row."""
    return Item(row.id, row.adjudicate, Places(*(getattr(row, name) for name in _PLACES)))


def keep(db: Connection, places: Mapping[int, Places]) -> None:
    """Write these items' places, and the state that follows from them."""
    if not places:
        return
    change = update(items).where(items.c.id == bindparam("item"))
    rows = [
        {"item": item, "state": each.state, "free": each.free}
        | {name: getattr(each, name) for name in _PLACES}
        for item, each in places.items()
    ]
    db.execute(change, rows)


def follow_up(db: Connection, moved: Sequence[Item], now: int) -> None:
    """Keep these items; those whose answers are all in close, or go to a senior."""
    complete = [each for each in moved if each.places.complete]
    given = final_answers(db, [each.id for each in complete])
    kept = {each.id: each.places for each in moved}
    closing = []
    for each in complete:
        decided = _decided(each, given[each.id])
        if decided is None:
            kept[each.id] = each.places.raised()
        else:
            closing.append(decided)
    keep(db, kept)
    close(db, closing, now)


def final_answers(db: Connection, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """The final answers to each of these items, in the order they were given."""
    found: dict[int, list[Row[Any]]] = {item: [] for item in ids}
    if not ids:
        return found
    query = select(answers).where(
        answers.c.item.in_(ids), answers.c.state == "final", answers.c.role != "repeat"
    )
    for row in db.execute(query.order_by(answers.c.id)):
        found[row.item].append(row)
    return found


def _decided(item: Item, given: Sequence[Row[Any]]) -> Closing | None:
    """How an item closes whose answers are all in; none when a senior is needed."""
    spoken = [(row.role, word(row)) for row in given]
    senior = [each for role, each in spoken if role == "adjudication"]
    others = [each for role, each in spoken if role != "adjudication"]
    simulated = any(row.simulated for row in given)
    came_to = adjudicated(senior[-1], others) if senior else consensus(others, item.adjudicate)
    if came_to == "adjudicate":
        return None
    return Closing(item.id, "decided", came_to, len(given), bool(senior), simulated)


def word(row: Row[Any]) -> Said:
    """A stored answer as it is compared."""
    return said(row.kind, unpacked(row.labels))


def unanswered(item: int, state: ItemState, given: Sequence[Row[Any]]) -> Closing:
    """How an item closes that nobody decides any more, whatever answers it has."""
    agreed = len({word(row) for row in given}) <= 1
    simulated = any(row.simulated for row in given)
    return Closing(item, state, Consensus((), False, agreed), len(given), simulated=simulated)


def close(db: Connection, closing: Sequence[Closing], now: int) -> None:
    """Close these items for good: their outcomes are on their way out."""
    if not closing:
        return
    ids = [each.item for each in closing]
    change = update(items).where(items.c.id == bindparam("item"))
    rows = [{"item": each.item, "state": each.state, "closed_at": now} for each in closing]
    db.execute(change, rows)
    db.execute(delete(taken).where(taken.c.item.in_(ids)))
    closed = Counter(each.state for each in closing)
    db.execute(counts.insert(), [{"what": state, "n": n} for state, n in closed.items()])
    found = records_of(db, ids)
    db.execute(outbox.insert(), [_message(found[each.item], each, now) for each in closing])


def records_of(db: Connection, ids: Iterable[int]) -> dict[int, Row[Any]]:
    """What the messages about these items repeat."""
    columns = (contents.c.item, contents.c.key, contents.c.partition, contents.c.asked)
    query: Select[Any] = select(*columns).where(contents.c.item.in_(set(ids)))
    return {row.item: row for row in db.execute(query)}


def _message(record: Row[Any], closing: Closing, now: int) -> dict[str, Any]:
    asked = Asked.model_validate_json(record.asked)
    outcome = Outcome(
        **dict(asked) | {"simulated": closing.simulated},
        state=OUTCOME_STATES[closing.state],
        labels=closing.consensus.labels,
        ambiguous=closing.consensus.ambiguous,
        answers=closing.answers,
        agreed=closing.consensus.agreed,
        adjudicated=closing.adjudicated,
        at=moment(now),
    )
    return {"key": record.key, "partition": record.partition, "value": outcome.encode()}
