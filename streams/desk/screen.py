"""What one screen knows of time and of what was typed: when texts appeared, keys, drafts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from models.desk import Given, Loan, TaskShown

PRESS_SECONDS = 0.2
"""A key pressed sooner after a text appeared was meant for the text before."""

AWAY_SECONDS = 900.0
"""Nothing done for so long: somebody else should have the text."""

LONGEST_SECONDS = 86_400.0
DRAFTS = 50


@dataclass
class Screen:
    """When texts appeared, and when its reviewer last did anything.

    Attributes:
        clock: seconds that only go forward.
    """

    clock: Callable[[], float]
    _appeared: dict[str, float] = field(default_factory=dict)
    _active: float | None = None

    def appeared(self, lease: str) -> None:
        """The text is on the screen; its time starts when that is said first."""
        self._appeared.setdefault(lease, self.clock())
        if self._active is None:
            self._active = self.clock()

    def gone(self, lease: str) -> None:
        """The text is not in hand any more."""
        self._appeared.pop(lease, None)

    def seen(self, lease: str) -> bool:
        """The text was on the screen."""
        return lease in self._appeared

    def seconds(self, lease: str) -> float | None:
        """Since the text appeared; null if it has not."""
        at = self._appeared.get(lease)
        return None if at is None else min(self.clock() - at, LONGEST_SECONDS)

    def active(self) -> None:
        """Its reviewer did something."""
        self._active = self.clock()

    def pressed(self, lease: str) -> bool:
        """A key was pressed for that text: whether it can have been meant for it.

        >>> screen = Screen(iter([0.0, 0.0, 0.1, 0.1, 0.9, 0.9]).__next__)
        >>> screen.appeared("a")
        >>> screen.pressed("a"), screen.pressed("a")
        (False, True)
        """
        self.active()
        seen = self.seconds(lease)
        return seen is not None and seen >= PRESS_SECONDS

    @property
    def idle(self) -> bool:
        """Nothing was done for a long time."""
        return self._active is not None and self.clock() - self._active >= AWAY_SECONDS


class Drafts:
    """What was chosen for texts that were taken back or undone, the latest fifty.

    A text that was answered has no draft: a planned repeat comes as the text came first.
    """

    def __init__(self) -> None:
        """None yet."""
        self._kept: dict[tuple[str, ...], Given] = {}

    def keep(self, loan: Loan, given: Given) -> None:
        """Remember what was chosen."""
        self._kept[_content(loan)] = given
        while len(self._kept) > DRAFTS:
            del self._kept[next(iter(self._kept))]

    def of(self, loan: Loan) -> Given | None:
        """What had been chosen for the same text; it may have come under another lease."""
        return self._kept.get(_content(loan))

    def forget(self, loan: Loan) -> None:
        """It was answered."""
        self._kept.pop(_content(loan), None)


def _content(loan: Loan) -> tuple[str, ...]:
    return loan.task, loan.text, loan.context or "", loan.response or ""


def how_to_decide(task: TaskShown) -> str:
    """What a task's author says of it, or that there is nothing."""
    said = [part for part in (task.description, task.guidelines) if part.strip()]
    return "\n\n".join(said) or "This task has none."
