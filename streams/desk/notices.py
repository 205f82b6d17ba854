"""What a reviewer is told of a text or an answer, on the page and in the terminal alike."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Notice:
    """One sentence that the reviewer must not miss, until they do something."""

    text: str
    tone: Literal["done", "warning"] = "warning"


_KEPT = "What you had chosen is kept in case the text comes again."

LAPSED = Notice(
    "This text went back to the queue: nothing was heard from this screen for too long. "
    f"Nothing was counted. {_KEPT}"
)
NOT_COUNTED = Notice(
    f"This text was not in your hands any more: the answer was not counted. {_KEPT}"
)
TAKEN_BACK = Notice("Taken back: nothing of that answer was published.", "done")
UNDO_OVER = Notice("The time to undo is over: that answer is final.")


def not_served(task: str) -> Notice:
    """A task whose file the desk has no more."""
    return Notice(f"The desk no longer serves the task {task!r}: its texts went back to the queue.")
