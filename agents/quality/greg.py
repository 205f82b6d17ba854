"""Accuracy of all traffic from the reviewed part of it, whoever chose what to review.

Each sample was reviewed with a recorded probability pi, so a reviewed one stands for 1/pi samples.
With w = drawn / pi, z = label right, f = a guess of z known for every sample:

    a = w z        b = w - 1        c = (w - 1) f        E[b] = E[c] = 0

b and c are control variates: the generalised regression estimator (PPI++ and active inference are
special cases) takes from mean(a) what they explain. A poor guess costs width, never validity.
"""

from dataclasses import dataclass

import numpy as np

from agents.quality.intervals import LEVEL, Estimate, nothing, score_ends, wilson
from agents.quality.sequences import critical

FEWEST_LABELS = 30
"""Plain labels' worth below which the regression fits noise and its interval covers too seldom."""

FEWEST_WATCHED = 60
"""The same for the interval that holds at every look: below, its normal limit is not reached."""


@dataclass(frozen=True)
class Sums:
    """Additive sums over samples; two stretches together are the sums of both.

    Attributes:
        n: samples.
        labels: samples whose z is known.
    """

    n: int
    labels: int
    a: float
    b: float
    c: float
    aa: float
    ab: float
    ac: float
    bb: float
    bc: float
    cc: float

    @property
    def worth(self) -> float:
        """How many plain labels the labels are worth: (sum w)^2 / sum w^2 (Kish 1965).

        Labels that were certain to be drawn stand for themselves alone, so they hardly raise it.
        """
        return (self.b + self.n) / self.weight if self.weight else 0.0

    @property
    def weight(self) -> float:
        """How many samples a label stands for, weighted by itself: sum w^2 / sum w."""
        total, squares = self.b + self.n, self.bb + 2 * self.b + self.n
        return squares / total if total else 0.0


def greg(sums: Sums) -> Estimate:
    """The accuracy of all samples with a 95 % interval; `n` counts the known labels.

    theta = mean(a) - lam . mean(h), h = (b, c), lam = S_hh^-1 S_ha, with the variance
    V = (S_aa - lam . S_ha) / n * labels / (labels - 3) and Wilson's interval at the effective
    sample size theta (1 - theta) / V. Unknown while the labels are worth fewer than 30.
    """
    if sums.worth < FEWEST_LABELS or sums.labels < FEWEST_LABELS:
        return nothing(sums.labels)
    theta, residual = _regression(sums)
    variance = residual / sums.n * sums.labels / (sums.labels - 3)
    effective = _effective(theta, variance, sums)
    interval = wilson(theta * effective, effective)
    return Estimate(theta, interval.low, interval.high, sums.labels)


def greg_sequence(sums: Sums) -> Estimate:
    """The same accuracy with an interval that holds at every look, in 95 % of all windows.

    The asymptotic confidence sequence in the form of a score interval: its critical value takes
    the place of 1.96, and what the labels are worth is its clock and stands for them in V. V counts
    one wrong label of average weight more than were seen: early on the mistakes among rarely drawn
    samples are still unseen, and V without it says far too little. Unknown while the labels are
    worth fewer than 60.
    """
    worth = sums.worth
    if worth < FEWEST_WATCHED or sums.labels < FEWEST_WATCHED:
        return nothing(sums.labels, "sequence")
    theta, residual = _regression(sums)
    unseen = (sums.weight / sums.n) ** 2
    variance = residual / sums.n * worth / (worth - 3) + unseen
    effective = _effective(theta, variance, sums)
    low, high = score_ends(theta, effective, critical(worth))
    return Estimate(theta, low, high, sums.labels, LEVEL, "sequence")


def _regression(sums: Sums) -> tuple[float, float]:
    """The accuracy, and the variance of a sample's part in it that b and c leave unexplained."""
    n = sums.n
    mean_h = np.array([sums.b, sums.c]) / n
    mean_a = sums.a / n
    s_hh = np.array([[sums.bb, sums.bc], [sums.bc, sums.cc]]) / n - np.outer(mean_h, mean_h)
    s_ha = np.array([sums.ab, sums.ac]) / n - mean_a * mean_h
    lam = np.linalg.pinv(s_hh, rcond=1e-10) @ s_ha
    theta = min(max(float(mean_a - lam @ mean_h), 0.0), 1.0)
    return theta, max(float(sums.aa / n - mean_a**2 - lam @ s_ha), 0.0)


def _effective(theta: float, variance: float, sums: Sums) -> float:
    """How many plain labels would tell the accuracy as well."""
    spread = theta * (1 - theta)
    if spread == 0 or variance == 0:
        return sums.worth
    return min(spread / variance, float(sums.n))
