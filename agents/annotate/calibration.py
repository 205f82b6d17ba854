"""From raw log-probabilities of label words to P(label)."""

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from models.identity import fingerprint
from models.record import Record

LEAST_PER_LABEL = 2

Scores = Mapping[str, float]


class Calibrator(Record):
    """P(label) ∝ exp(slope · score + shift of the label), score = log-probability of its word.

    For two labels this is Platt scaling of the score difference; for more, multinomial logistic
    regression with one shared slope (temperature and vector-bias scaling, Guo et al. 2017).

    Attributes:
        shifts: per label; all are 0 and the slope 1 where nothing was fitted.
        items: how many calibration items it was fitted on.
    """

    slope: float = 1.0
    shifts: dict[str, float]
    items: int = Field(default=0, ge=0)

    @property
    def hash(self) -> str:
        """What annotations name it by."""
        return fingerprint(self)

    def probabilities(self, scores: Scores) -> dict[str, float]:
        """P(label) for each label, summing to 1.

        >>> Calibrator(shifts={"a": 0.0, "b": 0.0}).probabilities({"a": -1.0, "b": -1.0})
        {'a': 0.5, 'b': 0.5}
        """
        logits = {name: self.slope * scores[name] + b for name, b in self.shifts.items()}
        top = max(logits.values())
        weights = {name: math.exp(logit - top) for name, logit in logits.items()}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}


def uncalibrated(labels: Sequence[str]) -> Calibrator:
    """The calibrator of views without calibration items: plain softmax over the words."""
    return Calibrator(shifts=dict.fromkeys(labels, 0.0))


def fittable(labels: Sequence[str], truths: Sequence[str]) -> bool:
    """Whether every label has at least two calibration items."""
    return all(truths.count(label) >= LEAST_PER_LABEL for label in labels)
