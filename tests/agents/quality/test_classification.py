import pytest

from agents.quality.classification import (
    accuracy,
    balanced_accuracy,
    label_quality,
    majority_baseline,
)
from agents.quality.intervals import wilson

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
