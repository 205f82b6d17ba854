"""Accuracy of all traffic from the reviewed part of it, whoever chose what to review.

Each sample was reviewed with a recorded probability pi, so a reviewed one stands for 1/pi samples.
With w = drawn / pi, z = label right, f = a guess of z known for every sample:

    a = w z        b = w - 1        c = (w - 1) f        E[b] = E[c] = 0

b and c are control variates: the generalised regression estimator (PPI++ and active inference are
special cases) takes from mean(a) what they explain. A poor guess costs width, never validity.
"""

from dataclasses import dataclass

import numpy as np

from agents.quality.intervals import Estimate, nothing, wilson

FEWEST_LABELS = 30
"""Below this the regression fits noise and its interval covers too seldom."""


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


def greg(sums: Sums) -> Estimate:
    """The accuracy of all samples with a 95 % interval; `n` counts the known labels.

    theta = mean(a) - lam . mean(h), h = (b, c), lam = S_hh^-1 S_ha, with the variance
    V = (S_aa - lam . S_ha) / n * labels / (labels - 3) and Wilson's interval at the effective
    sample size theta (1 - theta) / V. Unknown with fewer than 30 labels.
    """
    if sums.labels < FEWEST_LABELS:
        return nothing(sums.labels)
    n = sums.n
    mean_h = np.array([sums.b, sums.c]) / n
    mean_a = sums.a / n
    s_hh = np.array([[sums.bb, sums.bc], [sums.bc, sums.cc]]) / n - np.outer(mean_h, mean_h)
    s_ha = np.array([sums.ab, sums.ac]) / n - mean_a * mean_h
    lam = np.linalg.pinv(s_hh, rcond=1e-10) @ s_ha
    theta = min(max(float(mean_a - lam @ mean_h), 0.0), 1.0)
    residual = max(float(sums.aa / n - mean_a**2 - lam @ s_ha), 0.0)
    variance = residual / n * sums.labels / (sums.labels - 3)
    effective = _effective(theta, variance, sums)
    interval = wilson(theta * effective, effective)
    return Estimate(theta, interval.low, interval.high, sums.labels)


def _effective(theta: float, variance: float, sums: Sums) -> float:
    spread = theta * (1 - theta)
    if spread == 0 or variance == 0:
        return float(sums.labels)
    return min(spread / variance, float(sums.n))
