"""The tasks of this deployment, and the texts that must not become examples of them."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import make_url

from models.errors import ConfigurationError
from models.settings import Settings
from models.task import Task
from models.task_file import load_tasks
from streams.cli.reviewers import queue_here
from streams.desk import queue


def served(settings: Settings) -> Mapping[str, Task]:
    """The deployment's tasks by name.

    Raises:
        ConfigurationError: there is none, or a mistake in one.
    """
    tasks = load_tasks(settings.tasks)
    if not tasks:
        raise ConfigurationError("no task: set TIDEGAUGE_TASKS to one or more task files")
    return tasks


def task_here(settings: Settings, name: str) -> Task:
    """One of them.

    Raises:
        ConfigurationError: there is no task of this name.
    """
    tasks = served(settings)
    if name not in tasks:
        raise ConfigurationError(f"task {name!r} is not served; served: {', '.join(tasks)}")
    return tasks[name]


def gold_texts(settings: Settings, task: Task) -> tuple[str, ...]:
    """Texts of a task's gold, retired ones too; none while there is no queue.

    Raises:
        ConfigurationError: the queue cannot be opened.
    """
    url = make_url(settings.desk_database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return ()
    with queue_here(settings) as desk:
        return tuple(item.text for item in queue.list_gold(desk, task.name))
