"""What answers come to."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.desk.consensus import Consensus, Said, adjudicated, consensus, said

A, B, UNSURE = ("a",), ("b",), None
answers = st.lists(st.sampled_from([A, B, ("a", "b"), (), UNSURE]), min_size=1, max_size=7)


@pytest.mark.parametrize(
    ("given", "labels", "ambiguous", "agreed"),
    [
        ([A], A, False, True),
        ([A, A, B], A, False, False),
        ([A, B, UNSURE], (), True, False),
        ([A, B], (), True, False),
        ([UNSURE, UNSURE, A], (), True, False),
        ([(), ()], (), False, True),
        ([A, A, B, UNSURE], (), True, False),
    ],
)
def test_more_than_half_decide(
    given: list[Said], labels: tuple[str, ...], ambiguous: bool, agreed: bool
) -> None:
    assert consensus(given, adjudicate=False) == Consensus(labels, ambiguous, agreed)


@given(answers)
def test_a_senior_is_asked_exactly_when_they_differ(given: list[Said]) -> None:
    differ = len(set(given)) > 1
    assert (consensus(given, adjudicate=True) == "adjudicate") is differ


@given(answers, st.randoms())
def test_the_order_of_answers_does_not_count(given: list[Said], random: Random) -> None:
    shuffled = list(given)
    random.shuffle(shuffled)
    assert consensus(given, adjudicate=False) == consensus(shuffled, adjudicate=False)


def test_a_senior_has_the_last_word() -> None:
    assert adjudicated(B, [A, A]) == Consensus(B, ambiguous=False, agreed=False)
    assert adjudicated(UNSURE, []) == Consensus((), ambiguous=True, agreed=True)


def test_the_order_of_labels_does_not_count() -> None:
    assert said("label", ["b", "a"]) == said("label", ["a", "b"])
