"""Items of the queue as they leave it, and answers as they come back."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from models.review import ReviewTask
from models.task import Task
from streams.desk.exchange import argilla, label_studio, tables
from streams.desk.exchange.records import Answer, Bad, Exported, Found, Line, given_of
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import moment, ms, unpacked
from streams.desk.queue.opening import Desk, read, write
from streams.desk.queue.outside import Outside, take_answers
from streams.desk.schema import IS_LENDABLE, answers, contents, items

Format = Literal["label-studio", "argilla", "csv", "parquet"]

WRITE: dict[Format, Callable[[Sequence[Exported], Task, Path], None]] = {
    "label-studio": lambda found, task, path: label_studio.write(found, path),
    "argilla": argilla.write,
    "csv": lambda found, task, path: tables.write_csv(found, path),
    "parquet": lambda found, task, path: tables.write_parquet(found, path),
}
READ: dict[Format, Callable[[Path], Iterator[Line]]] = {
    "label-studio": label_studio.read,
    "argilla": argilla.read,
    "csv": tables.read_csv,
    "parquet": tables.read_parquet,
}
"""The formats; another one is a module with these two functions, and a line in both."""

CHUNK = 500


@dataclass(frozen=True)
class Choice:
    """Which items leave the queue.

    Attributes:
        state: those that wait for reviewers, or those that were decided, with their answers.
        suggestions: with the annotator's labels, which pull answers along.
        most: how many; of waiting ones the first in the order of rank, of others the latest.
    """

    task: str
    state: Literal["waiting", "reviewed"] = "waiting"
    suggestions: bool = False
    most: int = 1000


def items_for_export(desk: Desk, actor: str, choice: Choice, now: datetime) -> list[Exported]:
    """The chosen items. They stay in the queue: nobody at the desk is kept from deciding on them.

    Raises:
        QueueUnavailable: the database cannot be used now.
    """
    found = read(desk, lambda db: _exported(db, choice))
    told = (choice.task, f"{len(found)} {choice.state}")
    write(desk, lambda db: note(db, ms(now), actor, "items.export", told))
    return found


def _exported(db: Connection, choice: Choice) -> list[Exported]:
    ids = list(db.execute(_chosen(choice)).scalars())
    found = []
    for first in range(0, len(ids), CHUNK):
        part = ids[first : first + CHUNK]
        said = _answers(db, part) if choice.state == "reviewed" else {}
        rows = {row.item: row for row in db.execute(_bodies(part))}
        found += [_item(rows[number], choice, said.get(number, ())) for number in part]
    return found


def _chosen(choice: Choice) -> Any:
    query = select(items.c.id).where(items.c.task == choice.task).limit(choice.most)
    if choice.state == "waiting":
        waiting = query.where(IS_LENDABLE, items.c.level == 0)
        return waiting.order_by(items.c.rank.desc(), items.c.id)
    decided = query.where(items.c.state == "decided")
    return decided.order_by(items.c.closed_at.desc(), items.c.id)


def _bodies(part: Sequence[int]) -> Any:
    return select(contents.c.item, contents.c.body).where(contents.c.item.in_(part))


def _answers(db: Connection, part: Sequence[int]) -> dict[int, tuple[Answer, ...]]:
    query = select(answers).where(
        answers.c.item.in_(part), answers.c.state == "final", answers.c.role != "repeat"
    )
    found: dict[int, tuple[Answer, ...]] = {}
    for row in db.execute(query.order_by(answers.c.at, answers.c.answer)):
        given = given_of(
            unpacked(row.labels),
            ambiguous=row.kind == "ambiguous",
            reason=unpacked(row.reason),
            seconds=row.seconds,
        )
        answer = Answer(row.reviewer, given, moment(row.at))
        found[row.item] = (*found.get(row.item, ()), answer)
    return found


def _item(row: Row[Any], choice: Choice, said: tuple[Answer, ...]) -> Exported:
    task = ReviewTask.model_validate_json(row.body)
    return Exported(
        item=task.result_id,
        task=choice.task,
        version=str(task.task),
        text=task.sample.text,
        context=task.sample.context,
        response=task.sample.response,
        suggestion=task.suggestion if choice.suggestions else None,
        answers=said,
    )


@dataclass
class Summary:
    """What became of a file's lines.

    Attributes:
        bad: the place and reason of each line that was not taken.
        counts: `taken`, `known` (the same answer was there), `unanswered`, `bad`.
    """

    bad: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def refuse(self, place: str, why: str) -> None:
        """Count a line that was not taken, and say why."""
        self.counts["bad"] += 1
        self.bad.append(f"{place}: {why}")


def take_file(desk: Desk, actor: str, lines: Iterable[Line], source: str, now: datetime) -> Summary:
    """Put a file's answers into the queue, under the names of their reviewers in that tool.

    Args:
        desk: the queue.
        actor: who imports it.
        lines: what `READ` finds in the file.
        source: the format's name, put in front of the reviewers' names.
        now: the time.

    Raises:
        QueueUnavailable: the database cannot be used now; import the same file again.
    """
    summary, found = Summary(), []
    for line in lines:
        if isinstance(line, Found):
            found.append(line)
        elif isinstance(line, Bad):
            summary.refuse(line.place, line.why)
        else:
            summary.counts["unanswered"] += 1
    received = take_answers(desk, actor, [_outside(line, source) for line in found], now)
    for line, reception in zip(found, received, strict=True):
        if reception.outcome == "refused":
            summary.refuse(line.place, reception.why)
        else:
            summary.counts[reception.outcome] += 1
    return summary


def _outside(line: Found, source: str) -> Outside:
    answer = line.answer
    name = f"{source}:{answer.reviewer}"
    return Outside(line.item, name, answer.given, answer.at, line.suggestion_shown)
