"""The tasks a queue serves: what their files say of reviewing."""

from collections.abc import Sequence

from models.review import AnswerKind
from models.task import Review, Task
from streams.desk.errors import Misfit, NotThere
from streams.desk.queue.opening import Desk


def review_of(desk: Desk, task: str) -> Review:
    """What a task's file says of reviewing; the usual, while it has no file here."""
    served = desk.tasks.get(task)
    return served.review if served is not None else Review()


def task_of(desk: Desk, name: str) -> Task:
    """A task by its name.

    Raises:
        NotThere: the desk has no file of it.
    """
    served = desk.tasks.get(name)
    if served is None:
        known = ", ".join(sorted(desk.tasks)) or "none"
        raise NotThere(f"there is no task {name!r} at this desk; there are: {known}")
    return served


def fitting(task: Task, kind: AnswerKind, labels: Sequence[str]) -> tuple[str, ...]:
    """An answer's labels, each once and in order.

    Raises:
        Misfit: an unknown label, or not as many as the task asks for.
    """
    if kind == "ambiguous" and labels:
        raise Misfit("an ambiguous item has no labels: send none, or decide on them")
    known = set(task.label_names)
    for label in labels:
        if label not in known:
            raise Misfit(f"unknown label {label!r}; {task.name} has {', '.join(task.label_names)}")
    given = tuple(sorted(set(labels)))
    if len(given) != len(labels):
        raise Misfit("a label may stand once in an answer")
    if kind == "label" and task.kind == "classification" and len(given) != 1:
        raise Misfit(f"{task.name} asks for exactly one label, not {len(given)}")
    return given
