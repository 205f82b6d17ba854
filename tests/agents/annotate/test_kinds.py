from typing import Any

import pytest

from agents.annotate.kinds import Classification, Multilabel, kind_of
from models.errors import BadAnswer
from tests.scripted_bench import chat_task, tags_task

ONE = Classification(("a", "b"), verbalised=True)
MANY = Multilabel(("a", "b"), verbalised=True)


def test_the_kind_of_a_task() -> None:
    assert kind_of(chat_task()) == Classification(("refund", "delivery", "other"), True)
    assert kind_of(tags_task()) == Multilabel(("billing", "login", "speed"), True)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"label": "c", "confidence": 0.5},
        {"label": "A", "confidence": 0.5},
        {"label": ["a"], "confidence": 0.5},
        {"label": "a"},
        {"label": "a", "confidence": "sure"},
    ],
)
def test_a_classification_outside_its_schema_is_a_bad_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        ONE.read(answer)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"labels": "a", "confidence": {"a": 1, "b": 0}},
        {"labels": ["c"], "confidence": {"a": 1, "b": 0}},
        {"labels": ["a"], "confidence": {"a": 1}},
        {"labels": ["a"]},
    ],
)
def test_a_multilabel_answer_outside_its_schema_is_a_bad_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        MANY.read(answer)


def test_labels_are_sorted_and_stand_once() -> None:
    reading = MANY.read({"labels": ["b", "a", "b"], "confidence": {"a": 0.9, "b": 0.8}})
    assert reading.labels == ("a", "b")
    assert reading.confidence == 0.8


def test_no_label_is_a_legal_answer() -> None:
    reading = MANY.read({"labels": [], "confidence": {"a": 0.1, "b": 0.3}})
    assert reading.labels == ()
    assert reading.confidence == 0.7


def test_a_label_against_its_own_probability_is_not_confident() -> None:
    reading = MANY.read({"labels": ["a"], "confidence": {"a": 0.1, "b": 0.0}})
    assert reading.confidence == 0.1
