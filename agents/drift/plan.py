"""How closely the detectors of one task watch, and what that follows from."""

from dataclasses import dataclass
from typing import get_args

from models.drift import Signal
from models.task import Task

ADWIN_DELTA = 0.05
"""ADWIN's delta for a task watched as a whole; with more slices each gets its part of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the detectors of one slice are made with.

    Attributes:
        baseline: how many values of a signal make its frozen baseline.
        run_length: the threshold of each of this task's detectors: the average number of values
            one of them takes, while nothing moves, until it alarms all the same.
        margin: smallest shift of a mean that matters.
        delta: ADWIN's delta.
    """

    baseline: int = 2000
    run_length: float = 300_000.0
    margin: float = 0.01
    delta: float = ADWIN_DELTA


def plan_of(task: Task) -> Plan:
    """The plan for every slice of a task.

    The task states one run length for all its streams together: while each of them takes that many
    values, one false alarm is to be expected among them. So each gets the stated length times the
    number of streams (Bonferroni), whose bound the task file sets: all signals, of the whole task
    and of each slice value it names, with one `other` for each tag.
    """
    slices = 1 + sum(len(values) + 1 for values in task.slices.values())
    return Plan(
        baseline=task.drift.baseline,
        run_length=task.drift.run_length * slices * len(get_args(Signal)),
        margin=task.drift.margin,
        delta=ADWIN_DELTA / slices,
    )
