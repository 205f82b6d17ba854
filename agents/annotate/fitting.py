"""Fits a calibrator to calibration items.

Not in `calibration.py`, because this needs scipy: a third of a second of imports, which a worker
that finds its calibrator stored can do without.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from agents.annotate.calibration import Calibrator, Scores, fittable

RIDGE = 0.5
LEAST_PRIOR = 1e-4


def fit(
    labels: Sequence[str],
    scores: Sequence[Scores],
    truths: Sequence[str],
    prior: Mapping[str, float] | None,
) -> Calibrator:
    """The penalised maximum-likelihood calibrator of labelled scores.

    Minimises the negative log-likelihood + RIDGE/2 · slope², then moves the class mix of the items
    to the stated prior: shift += log(prior / mix) (Saerens et al. 2002). Without a prior the mix of
    the items stays.

    Raises:
        ValueError: a label has fewer than two items.
    """
    if not fittable(labels, truths):
        raise ValueError("each label needs at least two calibration items")
    matrix = np.array([[item[label] for label in labels] for item in scores], dtype=float)
    matrix -= matrix.mean(axis=1, keepdims=True)
    rows, truth = np.arange(len(truths)), np.array([labels.index(t) for t in truths])

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shifts = parameters[0], parameters[1:]
        log_p = log_softmax(slope * matrix + shifts, axis=1)
        excess = np.exp(log_p)
        excess[rows, truth] -= 1
        value = -log_p[rows, truth].sum() + RIDGE / 2 * slope**2 + 1e-6 * (shifts**2).sum()
        d_slope = (excess * matrix).sum() + RIDGE * slope
        return float(value), np.append(d_slope, excess.sum(axis=0) + 2e-6 * shifts)

    start = np.append(1.0, -matrix.mean(axis=0))
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    mix = {label: truths.count(label) / len(truths) for label in labels}
    moves = {label: _move(prior, mix, label) for label in labels}
    shifts = {label: float(found[1 + k]) + moves[label] for k, label in enumerate(labels)}
    return Calibrator(slope=float(found[0]), shifts=shifts, items=len(truths))


def _move(prior: Mapping[str, float] | None, mix: Mapping[str, float], label: str) -> float:
    if prior is None:
        return 0.0
    return math.log(max(prior.get(label, 0.0), LEAST_PRIOR) / mix[label])
