"""A new policy from what people decided on samples that the policies before it sent to them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.annotate.corrections import Mistake, chosen
from agents.policy.fit import Calibration, Reviewed, calibration, mean_uncertainty
from models.policy import Fitted, Platt, Policy, Score
from models.task import Task


@dataclass(frozen=True)
class Past:
    """What there is to learn from, of one version of a task.

    Attributes:
        score: which raw score `reviewed` and `traffic` have.
        reviewed: reviewed samples with a label and such a score, in any order that stays.
        simulated: of those, how many simulated reviewers decided.
        first: event time of the oldest, null without any.
        last: event time of the newest.
        traffic: how many labelled samples had each raw score.
        mistakes: reviewed samples that the annotator got wrong.
        left_out: reviewed samples that are not in here because their reviewers are simulated.
    """

    score: Score
    reviewed: Sequence[Reviewed]
    simulated: int
    first: datetime | None
    last: datetime | None
    traffic: Mapping[float | None, int]
    mistakes: Sequence[Mistake]
    left_out: int = 0


@dataclass(frozen=True)
class Wish:
    """What a new policy shall be.

    Attributes:
        number: its own.
        corrections: how many it carries at most.
        barred: texts that must not be among them: gold above all.
    """

    number: int
    corrections: int = 0
    barred: Collection[str] = field(default=())
    note: str = ""


def proposed(task: Task, before: Policy, past: Past, wish: Wish) -> Policy:
    """The policy that the past suggests; nothing is in force by being proposed.

    Its calibrator is the fitted one if that predicts samples it did not see better than the one
    before does, and else the one before. Budget, audit and floors are the task's own.

    Raises:
        TooFewDecisions: there is not enough to learn from.
    """
    platt = before.calibrator if before.calibrates == past.score else Platt()
    found = calibration(past.reviewed, platt)
    kept = found.platt if found.better else platt
    examples = [item.text for item in (*task.calibration, *task.annotator.examples)]
    return task.first_policy.model_copy(
        update={
            "number": wish.number,
            "calibrator": kept,
            "calibrates": past.score,
            "mean_uncertainty": mean_uncertainty(past.traffic, kept),
            "corrections": chosen(past.mistakes, [*wish.barred, *examples], wish.corrections),
            "fitted_on": _fitted(past, found),
            "made_for": task.identity,
            "note": wish.note,
        }
    )


def _fitted(past: Past, found: Calibration) -> Fitted | None:
    if past.first is None or past.last is None:
        return None
    return Fitted(
        n=found.n,
        right=found.right,
        worth=found.worth,
        first=past.first,
        last=past.last,
        simulated=past.simulated,
        loss_before=found.loss_before,
        loss_after=found.loss_after,
    )
