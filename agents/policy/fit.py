"""A policy's calibrator and its mean uncertainty, fitted from what people decided.

Reviewed samples are not a picture of the traffic; weighted by one over their recorded propensity
they are one (Horvitz and Thompson 1952). A wrong calibrator costs width of intervals, never their
validity: the propensities it leads to are recorded as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from agents.quality.weights import worth
from agents.route.propensity import calibrated, logit, uncertainty
from models.errors import TidegaugeError
from models.policy import Platt

NEEDED = 100
"""Reviewed samples a calibrator needs. With so many, one for a judge that is over-confident by a
slope of 2 is better on fresh traffic than the raw score. Where there is less to gain and it cannot
tell, `Calibration.better` says so."""

NEEDED_OF_EACH = 10
"""Of them, how many at least must be right, and how many wrong."""

RIDGE = 1.0
FOLDS = 5
STEEPEST = 10.0
LEAST_UNCERTAINTY = 0.01


class TooFewDecisions(TidegaugeError):
    """People have not decided enough to fit on; the text says how many are there and needed."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A reviewed sample: its raw score, whether the annotator was right, and its propensity."""

    raw: float
    right: bool
    propensity: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibrator, and what it rests on (see `models.policy.Fitted`)."""

    platt: Platt
    n: int
    right: int
    worth: float
    loss_before: float
    loss_after: float

    @property
    def better(self) -> bool:
        """It predicts samples that it did not see better than the calibrator in force does."""
        return self.loss_after < self.loss_before


def calibration(items: Sequence[Reviewed], before: Platt) -> Calibration:
    """The calibrator of reviewed samples; `before` is the one in force, to compare it with.

    Raises:
        TooFewDecisions: fewer than `NEEDED`, or hardly any of them right, or wrong.
    """
    right = sum(item.right for item in items)
    _check_enough(len(items), right)
    return Calibration(
        platt=platt(items),
        n=len(items),
        right=right,
        worth=worth(_Data.of(items).weights),
        loss_before=_loss([calibrated(item.raw, before) for item in items], items),
        loss_after=_loss(_unseen(items), items),
    )


def _check_enough(n: int, right: int) -> None:
    fewest = min(right, n - right)
    if n >= NEEDED and fewest >= NEEDED_OF_EACH:
        return
    raise TooFewDecisions(
        f"{n} reviewed samples have a label and a raw score, {right} of them confirm the annotator "
        f"and {n - right} do not; a calibrator needs {NEEDED}, with {NEEDED_OF_EACH} of each"
    )


def platt(items: Sequence[Reviewed]) -> Platt:
    """The weighted, penalised maximum-likelihood calibrator (Platt 1999).

    Each sample weighs one over its propensity, scaled so that the weights sum to what the samples
    are worth; the penalty RIDGE/2 · ((slope - 1)² + shift²) pulls few of them to the
    identity. The slope is never negative: at worst a score tells nothing.
    """
    data = _Data.of(items)
    weights = data.weights * worth(data.weights) / data.weights.sum()

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        """The penalised loss and its gradient at (slope, shift)."""
        line = at[0] * data.scores + at[1]
        excess = weights * (expit(line) - data.right)
        pull = at - np.array([1.0, 0.0])
        value = (weights * (np.logaddexp(0, line) - data.right * line)).sum()
        slopes = np.array([(excess * data.scores).sum(), excess.sum()])
        return float(value + RIDGE / 2 * (pull**2).sum()), slopes + RIDGE * pull

    bounds = [(0.0, STEEPEST), (None, None)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Platt(slope=float(found[0]), shift=float(found[1]))


def mean_uncertainty(scores: Mapping[float | None, int], fitted: Platt) -> float:
    """The mean of sqrt(f (1 - f)) over past traffic, what single samples are compared with.

    Args:
        scores: how many labelled samples had each raw score; none counts as fully uncertain.
        fitted: the calibrator that turns a raw score into f.

    >>> mean_uncertainty({None: 1, 0.5: 3}, Platt())
    0.5
    """
    total = sum(scores.values())
    if not total:
        return uncertainty(None)
    spread = sum(
        count * uncertainty(None if raw is None else calibrated(raw, fitted))
        for raw, count in scores.items()
    )
    return min(max(spread / total, LEAST_UNCERTAINTY), 0.5)


@dataclass(frozen=True, slots=True)
class _Data:
    scores: np.ndarray
    right: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, items: Sequence[Reviewed]) -> "_Data":
        """Items as columns."""
        return cls(
            np.array([logit(item.raw) for item in items]),
            np.array([float(item.right) for item in items]),
            np.array([1 / item.propensity for item in items]),
        )


def _unseen(items: Sequence[Reviewed]) -> list[float]:
    """For each sample P(label correct) by a fit on the other folds."""
    fits = [
        platt([item for n, item in enumerate(items) if n % FOLDS != fold]) for fold in range(FOLDS)
    ]
    return [calibrated(item.raw, fits[n % FOLDS]) for n, item in enumerate(items)]


def _loss(predicted: Sequence[float], items: Sequence[Reviewed]) -> float:
    """The weighted mean log loss in nats."""
    chances = np.clip(np.array(predicted), 1e-9, 1 - 1e-9)
    data = _Data.of(items)
    losses = -np.log(np.where(data.right > 0, chances, 1 - chances))
    return float(np.average(losses, weights=data.weights))
