"""The gold items of the desk: texts whose right labels are known."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from models.desk import GoldItem, NewGold
from models.identity import digest
from models.task import Task
from streams.desk.errors import Conflict, NotThere
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import moment, ms, packed, some_moment, to_read, unpacked
from streams.desk.queue.opening import Desk, read, write
from streams.desk.queue.served import fitting, task_of
from streams.desk.schema import gold


def add_gold(desk: Desk, actor: str, wanted: NewGold, now: datetime) -> GoldItem:
    """A gold item; to add it twice adds it once, and a retired one is planted again.

    Raises:
        NotThere: no such task here.
        Misfit: its labels do not fit the task.
        Conflict: the same text is gold with other labels, or the task file's own.
    """
    task = task_of(desk, wanted.task)
    labels = fitting(task, "label", wanted.labels)
    _check_unused(task, wanted)
    return write(desk, lambda db: _add(db, actor, wanted, (labels, ms(now))))


def _check_unused(task: Task, wanted: NewGold) -> None:
    """A text that the annotator was shown, or that fitted a calibrator, tells nothing as gold."""
    if wanted.text in {item.text for item in (*task.annotator.examples, *task.calibration)}:
        raise Conflict(
            "this text is an example or a calibration item of the task file: gold must be neither"
        )


def _add(
    db: Connection, actor: str, wanted: NewGold, rest: tuple[tuple[str, ...], int]
) -> GoldItem:
    labels, now = rest
    texts = {"text": wanted.text, "context": wanted.context, "response": wanted.response}
    content = digest("gold", wanted.task, packed(texts).decode())
    gold_id = digest("gold", content, *labels)
    same = select(gold).where(gold.c.content == content).with_for_update()
    found = list(db.execute(same))
    for row in found:
        if row.retired_at is None and row.gold_id != gold_id:
            known = ", ".join(unpacked(row.body)["labels"])
            raise Conflict(f"this text is gold with other labels ({known}): retire {row.gold_id}")
    is_it = gold.c.gold_id == gold_id
    changed = {"added_by": actor, "added_at": now, "retired_at": None}
    before = [each for each in found if each.gold_id == gold_id]
    if not before:
        body = packed(texts | {"labels": labels})
        key = {"gold_id": gold_id, "task": wanted.task, "content": content, "body": body}
        db.execute(gold.insert(), {**key, **changed, "characters": to_read(*texts.values())})
    elif before[0].retired_at is not None:
        db.execute(update(gold).where(is_it).values(**changed))
    if not before or before[0].retired_at is not None:
        note(db, now, actor, "gold.add", (gold_id, f"task {wanted.task}"))
    return _item(db.execute(select(gold).where(is_it)).one())


def list_gold(desk: Desk, task: str | None = None) -> list[GoldItem]:
    """All gold items of a task, or of all, the oldest first; the retired ones too."""
    query = select(gold).order_by(gold.c.added_at, gold.c.gold_id)
    if task is not None:
        query = query.where(gold.c.task == task)
    return read(desk, lambda db: [_item(row) for row in db.execute(query)])


def retire_gold(desk: Desk, actor: str, gold_id: str, now: datetime) -> None:
    """Plant it no more; to retire it once more changes nothing.

    Raises:
        NotThere: there is no such gold item.
    """
    write(desk, lambda db: _retire(db, actor, gold_id, ms(now)))


def _retire(db: Connection, actor: str, gold_id: str, now: int) -> None:
    is_it = gold.c.gold_id == gold_id
    found = db.execute(select(gold).where(is_it).with_for_update()).one_or_none()
    if found is None:
        raise NotThere(f"there is no gold item {gold_id!r}")
    if found.retired_at is None:
        db.execute(update(gold).where(is_it).values(retired_at=now))
        note(db, now, actor, "gold.retire", (gold_id, ""))


def _item(row: Row[Any]) -> GoldItem:
    body = unpacked(row.body)
    return GoldItem(
        gold_id=row.gold_id,
        task=row.task,
        text=body["text"],
        context=body["context"],
        response=body["response"],
        labels=tuple(body["labels"]),
        added_by=row.added_by,
        added_at=moment(row.added_at),
        retired_at=some_moment(row.retired_at),
    )
