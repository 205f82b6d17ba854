"""Where an annotator's confidence comes from: log-probabilities, its own words, or nowhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import BadAnswer


def stated(value: object, field: str) -> float:
    """A probability the model wrote into its answer.

    Raises:
        BadAnswer: not a number between 0 and 1 (per cent are not guessed at).
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadAnswer(f"{field}: expected a number from 0 to 1, got {str(value)[:40]!r}")
    return float(value)


def stated_for_each(value: Any, labels: Sequence[str], field: str) -> dict[str, float]:
    """A probability for each label.

    Raises:
        BadAnswer: a label is missing or its value is no probability.
    """
    if not isinstance(value, Mapping):
        raise BadAnswer(f"{field}: expected an object with a number for each label")
    return {label: stated(value.get(label), f"{field}.{label}") for label in labels}


def of_set(chosen: Sequence[str], scores: Mapping[str, float]) -> float:
    """P(a label set is right) as its weakest decision: min over labels of p or 1 − p.

    An upper bound of the joint probability; for a model that chose every label above one half it is
    the minimum of max(p, 1 − p).

    >>> of_set(["refund"], {"refund": 0.9, "delivery": 0.25})
    0.75
    """
    return min(p if label in chosen else 1 - p for label, p in scores.items())
