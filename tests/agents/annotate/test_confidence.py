from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.annotate.confidence import of_set, stated, stated_for_each
from models.errors import BadAnswer


@pytest.mark.parametrize("value", [85, -0.1, 1.01, "0.9", "high", None, True, [0.5], float("nan")])
def test_what_is_no_probability_is_a_bad_answer_never_guessed_at(value: Any) -> None:
    with pytest.raises(BadAnswer, match="confidence"):
        stated(value, "confidence")


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_probabilities_are_taken_as_stated(value: float) -> None:
    assert stated(value, "confidence") == value


@pytest.mark.parametrize("value", [None, 0.5, {"a": 0.5}, {"a": 0.5, "b": 2}])
def test_each_label_needs_its_probability(value: Any) -> None:
    with pytest.raises(BadAnswer):
        stated_for_each(value, ["a", "b"], "confidence")


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1), st.data())
def test_a_set_is_as_sure_as_its_weakest_decision(
    scores: dict[str, float], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(scores)), unique=True))
    sure = of_set(chosen, scores)
    assert 0 <= sure <= 1
    consistent = [label for label, p in scores.items() if p > 0.5]
    assert of_set(consistent, scores) == min(max(p, 1 - p) for p in scores.values())
    assert sure <= of_set(consistent, scores)
