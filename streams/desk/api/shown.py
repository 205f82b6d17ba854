"""A task as reviewers see it."""

from models.desk import LabelShown, TaskShown
from models.task import Task


def task_shown(task: Task) -> TaskShown:
    """What a reviewer needs to know of a task; guidelines default to its instructions."""
    return TaskShown(
        name=task.name,
        version=str(task.identity),
        kind=task.kind,
        description=task.description,
        guidelines=task.review.guidelines or task.instructions,
        labels=tuple(
            LabelShown(name=label.name, definition=label.definition) for label in task.labels
        ),
        undo_seconds=task.review.undo_seconds,
        lease_seconds=task.review.lease_seconds,
    )
