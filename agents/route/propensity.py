"""The probability of human review, fixed before the draw.

A floor above zero for every sample makes every later estimate possible (Horvitz and Thompson 1952;
active inference: Zrnic and Candès 2024, arXiv 2403.03208).
"""

from math import exp, log, sqrt

from models.policy import Platt, Policy

UNJUDGED = 0.5
"""P(label correct) where neither judge nor annotator gave a number: as uncertain as can be."""

_EDGE = 1e-6


def logit(raw: float) -> float:
    """A raw score on the logit scale; 0 and 1 count as a millionth within.

    >>> logit(0.5), logit(0.0) == logit(1e-9)
    (0.0, True)
    """
    bounded = min(max(raw, _EDGE), 1 - _EDGE)
    return log(bounded / (1 - bounded))


def calibrated(raw: float, platt: Platt) -> float:
    """P(label correct) from a raw score (Platt 1999), on the logit scale.

    >>> round(calibrated(0.8, Platt()), 6)
    0.8
    """
    return 1 / (1 + exp(-(platt.slope * logit(raw) + platt.shift)))


def uncertainty(p_correct: float | None) -> float:
    """The standard deviation of being right: h = sqrt(f (1 - f)); as large as can be if unknown.

    >>> uncertainty(0.5), uncertainty(None), uncertainty(1.0)
    (0.5, 0.5, 0.0)
    """
    f = UNJUDGED if p_correct is None else p_correct
    return sqrt(f * (1 - f))


def value_of_review(p_correct: float | None) -> float:
    """How much a person's decision is expected to tell: the uncertainty as a share of the largest.

    >>> value_of_review(None), value_of_review(1.0), round(value_of_review(0.9), 6)
    (1.0, 0.0, 0.6)
    """
    return uncertainty(p_correct) / uncertainty(None)


def propensity(p_correct: float | None, policy: Policy, floor: float) -> float:
    """The chance of review: pi = clip((1 - tau) B h / mean(h) + tau B, floor, 1).

    Never below the audit share, so that every audited sample is reviewed.

    Args:
        p_correct: calibrated P(label correct); none counts as fully uncertain.
        policy: budget B, mixing tau and mean(h), frozen.
        floor: the highest floor among the sample's slices.
    """
    h = uncertainty(p_correct)
    tau, budget = policy.mixing, policy.budget
    wanted = (1 - tau) * budget * h / policy.mean_uncertainty + tau * budget
    return min(1.0, max(wanted, floor, policy.audit))
