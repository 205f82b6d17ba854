"""`tidegauge pause` and `resume`: hold a task, or let it run again."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from models.errors import ConfigurationError
from models.rows import Action
from models.settings import Settings
from models.task_file import load_tasks
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.store.client import Store, connect_sync
from streams.store.controls import set_control
from streams.store.figures.choices import tasks

Task = Annotated[str, typer.Argument(help="The task's name.")]
Note = Annotated[str, typer.Option(help="Why; kept with the action.")]


def pause(
    task: Task,
    *,
    stop: Annotated[
        bool, typer.Option("--stop", help="Do not hold its samples: let them pass without a label.")
    ] = False,
    note: Note = "",
) -> None:
    """Stop calling models for a task within seconds; its samples wait on Kafka.

    Stages hold a whole partition in order, so tasks that share the topic wait too; --stop keeps
    the others moving.

    Example: tidegauge pause sms_spam --note "provider outage"
    """
    _set(task, "stop" if stop else "pause", note)
    waits = "its samples pass without a label" if stop else "its samples wait"
    terminal.out().print(f"{task} is {'stopped' if stop else 'paused'}: {waits}", markup=False)


def resume(task: Task, *, note: Note = "") -> None:
    """Let a paused or stopped task run again.

    Example: tidegauge resume sms_spam
    """
    _set(task, "run", note)
    terminal.out().print(f"{task} runs", markup=False)


def _set(task: str, action: Action, note: str) -> None:
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    known = known_tasks(store, settings)
    if task not in known:
        raise ConfigurationError(f"task {task!r} is not known; known: {terminal.joined(known)}")
    set_control(store, task, action, at=datetime.now(UTC), by=getpass.getuser(), note=note)


def known_tasks(store: Store, settings: Settings) -> list[str]:
    """Tasks that are served or have been met."""
    return sorted({*load_tasks(settings.tasks), *tasks(store)})
