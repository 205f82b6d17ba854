"""`tidegauge gold`: texts whose right labels are known, planted among what reviewers are given."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pydantic import ValidationError

from models.desk import NewGold
from models.errors import ConfigurationError, TidegaugeError
from models.task import Task
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.cli.ids import one_of
from streams.cli.reviewers import queue_here
from streams.cli.sending import NAMED_LINES
from streams.cli.served import task_here
from streams.cli.traffic import (
    Bad,
    Columns,
    Format,
    Good,
    Reading,
    Stamp,
    format_of,
    read_lines,
    reasons,
)
from streams.desk import queue
from streams.desk.errors import DeskError

app = group("Add, list and retire gold: planted items whose right labels are known.")

_SHORT = 8
_TEXT_SHOWN = 80

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The task's name.")]


@app.command()
def add(
    task: TaskName,
    text: Annotated[str, typer.Argument(help="The text, as reviewers will see it.")],
    *,
    label: Annotated[
        list[str] | None, typer.Option(help="Its right label; repeatable, or none if none fits.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="What stands before it.")] = None,
    response: Annotated[str | None, typer.Option(help="What stands after it.")] = None,
) -> None:
    """Add one gold item; adding it again changes nothing.

    Example: tidegauge gold add sms_spam "You won! Call 0900 now" --label spam
    """
    settings = settings_here()
    served = task_here(settings, task).name
    new = _new(served, text, tuple(label or ()), {"context": context, "response": response})
    with queue_here(settings) as desk:
        item = queue.add_gold(desk, getpass.getuser(), new, datetime.now(UTC))
    terminal.out().print(f"gold {item.gold_id[:_SHORT]}: {terminal.joined(item.labels)}")


@app.command("list")
def list_gold(
    task: Annotated[str, typer.Argument(help="Of one task; else of all.")] = "",
    *,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List gold items, the retired ones too. Reviewers should not see this list.

    Example: tidegauge gold list sms_spam
    """
    settings = settings_here()
    with queue_here(settings) as desk:
        found = queue.list_gold(desk, task_here(settings, task).name if task else None)
    if json_:
        terminal.echo_json([item.model_dump(mode="json") for item in found])
        return
    made = terminal.table("id", "task", "text", "right is", "")
    for item in found:
        made.add_row(
            item.gold_id[:_SHORT],
            terminal.shown(item.task),
            terminal.shown(item.text, _TEXT_SHOWN),
            terminal.shown(terminal.joined(item.labels)),
            f"retired {item.retired_at:%Y-%m-%d}" if item.retired_at else "",
        )
    terminal.out().print(made if found else "no gold: `tidegauge gold add` or `gold import`")


@app.command("import")
def import_gold(
    task: TaskName,
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or TSV with a text and its label.")],
    *,
    text: Annotated[str, typer.Option(help="Field that holds the text.")] = "text",
    label: Annotated[
        str, typer.Option(help="Field that holds its right label, or in JSONL a list of them.")
    ] = "label",
    kind: Annotated[Format | None, typer.Option("--format", help="Default: by the name.")] = None,
) -> None:
    """Add the gold items in a file; bad lines are named and the rest is taken.

    Example: tidegauge gold import sms_spam gold.csv --label category
    """
    settings = settings_here()
    wanted = task_here(settings, task)
    how = Reading(Columns(text=text, reference=label), Stamp(task=task))
    added = bad = 0
    with queue_here(settings) as desk, _opened(file) as lines:
        for line in read_lines(lines, kind or format_of(file), how):
            why = line.why if isinstance(line, Bad) else _added(desk, wanted, line)
            added += not why
            bad += bool(why)
            if why and bad <= NAMED_LINES:
                terminal.note(f"{file}:{line.number}: {terminal.visible(why)}")
    rest = f"; {bad:,} bad lines skipped" if bad else ""
    terminal.out().print(f"{added:,} gold items are in the queue now{rest}", markup=False)
    if not added:
        raise TidegaugeError("no gold was added")


@app.command()
def retire(gold: Annotated[str, typer.Argument(help="Its id, or the first digits.")]) -> None:
    """Plant a gold item no longer; what was answered to it stays.

    Example: tidegauge gold retire 3f2a91c0
    """
    with queue_here(settings_here()) as desk:
        listed = ("gold item", "tidegauge gold list")
        item = one_of(queue.list_gold(desk, None), gold, lambda item: item.gold_id, listed)
        queue.retire_gold(desk, getpass.getuser(), item.gold_id, datetime.now(UTC))
    terminal.out().print(f"gold {item.gold_id[:_SHORT]} is retired")


def _added(desk: queue.Desk, task: Task, line: Good) -> str:
    """Why a line was not taken, empty when it was."""
    sample = line.sample
    texts = {"context": sample.context, "response": sample.response}
    if sample.reference is None:
        return "has no label: name its field with --label"
    try:
        new = _new(task.name, sample.text, sample.reference, texts)
        queue.add_gold(desk, getpass.getuser(), new, datetime.now(UTC))
    except (ConfigurationError, DeskError) as exc:
        return str(exc)
    return ""


def _new(task: str, text: str, labels: tuple[str, ...], texts: dict[str, str | None]) -> NewGold:
    try:
        return NewGold.model_validate({"task": task, "text": text, "labels": labels, **texts})
    except ValidationError as exc:
        raise ConfigurationError(reasons(exc)) from exc


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}") from exc
