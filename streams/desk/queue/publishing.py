"""The outbox: what the queue has decided, until the broker has stored it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select

from agents.desk.consensus import Said
from models.identity import digest
from models.record import Version
from models.review import Asked, Decision
from models.sample import Source
from streams.desk.queue.encoding import moment, unpacked
from streams.desk.queue.moving import records_of, word
from streams.desk.queue.opening import Desk, read, write
from streams.desk.schema import answers, gold, loans, outbox

CHUNK = 500


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message for `decisions`.

    Attributes:
        seq: its place in the order of sending.
        key: of the sample's record.
        partition: of the sample's record.
    """

    seq: int
    key: bytes | None
    partition: int
    value: bytes


def waiting_messages(desk: Desk, most: int) -> list[OutboxRow]:
    """The first messages that the broker has not stored yet, in order."""
    query = select(outbox).order_by(outbox.c.seq).limit(most)
    return read(desk, lambda db: [OutboxRow(*row) for row in db.execute(query)])


def sent(desk: Desk, seqs: Sequence[int]) -> None:
    """The broker has stored these messages."""
    write(desk, lambda db: _forget(db, seqs))


def _forget(db: Connection, seqs: Sequence[int]) -> None:
    for first in range(0, len(seqs), CHUNK):
        db.execute(delete(outbox).where(outbox.c.seq.in_(seqs[first : first + CHUNK])))


def publish(db: Connection, given: Sequence[Row[Any]]) -> None:
    """Put the decisions of these answers into the outbox, in this order."""
    about_items = records_of(db, [row.item for row in given if row.item is not None])
    about_gold = _about_gold(db, [row.lease for row in given if row.gold_id is not None])
    earlier = _earlier(db, [row.earlier for row in given if row.earlier is not None])
    messages = []
    for row in given:
        if row.gold_id is None:
            record = about_items[row.item]
            key, partition = record.key, record.partition
            asked = Asked.model_validate_json(record.asked)
            against = earlier.get(row.earlier)
        else:
            key, partition = row.gold_id.encode(), 0
            asked, against = _asked_of_gold(row, about_gold[row.lease])
        value = _decision(row, asked, against).encode()
        messages.append({"key": key, "partition": partition, "value": value})
    db.execute(outbox.insert(), messages)


def _decision(row: Row[Any], asked: Asked, against: Said) -> Decision:
    return Decision(
        **dict(asked) | {"simulated": row.simulated},
        decision_id=digest("decision", asked.result_id, row.reviewer, row.role),
        reviewer=row.reviewer,
        role=row.role,
        answer=row.kind,
        labels=tuple(unpacked(row.labels)),
        against=against,
        reason=unpacked(row.reason),
        seconds=row.seconds,
        suggestion_shown=row.suggestion_shown,
        bulk=row.bulk,
        decided_at=moment(row.at),
    )


def _asked_of_gold(row: Row[Any], planted: Row[Any]) -> tuple[Asked, tuple[str, ...]]:
    """A gold item's own facts, and its known labels; it stands for no sample."""
    name, _, version = planted.version.rpartition("@")
    asked = Asked(
        result_id=row.gold_id,
        sample_key=row.gold_id,
        source=Source(topic="gold", partition=0, offset=0, at=moment(row.at)),
        task=Version(name=name, hash=version),
        lane="gold",
        propensity=1.0,
        audit=False,
    )
    return asked, tuple(unpacked(planted.body)["labels"])


def _about_gold(db: Connection, leases: Sequence[str]) -> dict[str, Any]:
    if not leases:
        return {}
    query = select(loans.c.lease, loans.c.version, gold.c.body).join(
        gold, gold.c.gold_id == loans.c.gold_id
    )
    return {row.lease: row for row in db.execute(query.where(loans.c.lease.in_(leases)))}


def _earlier(db: Connection, ids: Sequence[str]) -> dict[str | None, Said]:
    """What was said before; none when that was `ambiguous`."""
    if not ids:
        return {}
    query: Select[Any] = select(answers.c.answer, answers.c.kind, answers.c.labels)
    rows = db.execute(query.where(answers.c.answer.in_(ids)))
    return {row.answer: word(row) for row in rows}
