import math
from typing import Any

import numpy as np
import pytest

from agents.quality.classification import (
    accuracy,
    balanced_accuracy,
    label_quality,
    majority_baseline,
)
from agents.quality.intervals import Estimate, wilson
from agents.quality.sequences import share_sequence

SKEWED = {("ham", "ham"): 80, ("ham", "spam"): 10, ("spam", "spam"): 5, ("spam", "ham"): 5}


def test_hand_computed_values() -> None:
    assert accuracy(SKEWED) == wilson(85, 100)
    assert majority_baseline(SKEWED) == wilson(90, 100)
    assert balanced_accuracy(SKEWED).value == pytest.approx((80 / 90 + 0.5) / 2)
    assert balanced_accuracy(SKEWED).n == 100


def test_balanced_interval_of_one_class_is_its_wilson() -> None:
    assert balanced_accuracy({("a", "a"): 7, ("a", "b"): 3}).low == pytest.approx(wilson(7, 10).low)


def test_balanced_interval_is_wide_where_a_class_is_rare() -> None:
    few = balanced_accuracy({("a", "a"): 1000, ("b", "b"): 2})
    assert few.low is not None
    assert few.low < 0.85


def test_a_label_only_ever_given_has_no_recall() -> None:
    [made_up] = label_quality([("never true", 0, 4, 0)])
    assert made_up.precision.value == 0.0
    assert made_up.recall.value is None


def test_empty_tables_say_nothing() -> None:
    for figure in (accuracy, balanced_accuracy, majority_baseline):
        assert figure({}).value is None
    assert majority_baseline({("a", "b"): 0}).n == 0


def test_all_figures_can_have_intervals_for_every_look() -> None:
    assert accuracy(SKEWED, share_sequence) == share_sequence(85, 100)
    assert majority_baseline(SKEWED, share_sequence) == share_sequence(90, 100)
    [spam] = label_quality([("spam", 5, 10, 5)], share_sequence)
    assert (spam.precision, spam.recall) == (share_sequence(5, 15), share_sequence(5, 10))
    for figure in (accuracy, balanced_accuracy, majority_baseline):
        assert figure({}, share_sequence).kind == "sequence"


def test_mover_combines_the_recalls_intervals() -> None:
    # half the root of the summed squares of each recall's distance to its end
    found, ham, spam = (
        balanced_accuracy(SKEWED, share_sequence), share_sequence(80, 90), share_sequence(5, 10),
    )  # fmt: skip
    below = math.hypot(ham.value - ham.low, spam.value - spam.low) / 2  # type: ignore[operator]
    assert found.low == pytest.approx((80 / 90 + 0.5) / 2 - below)
    assert found.kind == "sequence"


def test_balanced_accuracy_is_covered_at_all_looks() -> None:
    rng = np.random.default_rng(3)
    runs, truth, covered, covered_once = 60, (0.95 + 0.7) / 2, 0, 0
    for _ in range(runs):
        spam = rng.random(600) < 0.1
        right = rng.random(600) < np.where(spam, 0.7, 0.95)
        tables = [table_of(spam[:n], right[:n]) for n in range(30, 601, 30)]
        covered += all(covers(balanced_accuracy(t, share_sequence), truth) for t in tables)
        covered_once += all(covers(balanced_accuracy(t), truth) for t in tables)
    assert covered / runs >= 0.93
    assert covered_once < covered


def table_of(
    spam: "np.ndarray[Any, Any]", right: "np.ndarray[Any, Any]"
) -> dict[tuple[str, str], int]:
    table = {}
    for label, given_it in (("spam", spam), ("ham", ~spam)):
        table[label, label] = int((given_it & right).sum())
        table[label, "other"] = int((given_it & ~right).sum())
    return table


def covers(found: Estimate, truth: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high
