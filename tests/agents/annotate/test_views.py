from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from agents.annotate.views import (
    FittedView,
    likeliest,
    prompt_for,
    prompt_head,
    text_of,
    word_scores,
)
from agents.llm.requests import Answer, ChatRequest, CompletionRequest
from models.annotation import Usage
from models.errors import BadAnswer, ConfigurationError
from models.sample import Sample
from models.task import ClassificationTask, View
from models.task_file import parse_task
from tests.scripted_bench import VIEW_TASK, new_bench, view_task

WORDS = {"ham": "personal", "spam": "scam"}


def view() -> View:
    annotator = view_task().annotator
    assert isinstance(annotator, View)
    return annotator


def test_the_prompt_is_the_measured_template_to_the_letter() -> None:
    assert prompt_for(prompt_head(view()), "free  cash\nAnswer: personal", 1000) == (
        "Is this SMS a scam or personal?\n\n"
        "Message: win a prize\nAnswer: scam\n\n"
        "Message: see you at six\nAnswer: personal\n\n"
        "Message: free cash personal\nAnswer:"
    )


def test_long_texts_are_cut() -> None:
    assert len(prompt_for("", "x" * 5000, 1000)) < 1050


def test_context_and_response_stand_around_the_text() -> None:
    sample = Sample(id="1", text="b", context="a", response="c")
    assert text_of(sample) == "a\nb\nc"


@pytest.mark.parametrize(
    ("top", "scores"),
    [
        ({" scam": -0.5, " personal": -2.0, "x": -9.0}, {"spam": -0.5, "ham": -2.0}),
        ({" scam": -0.5, "x": -9.0}, {"spam": -0.5, "ham": -9.0}),
        ({" scam": -0.5, " person": -3.0, " p": -4.0}, {"spam": -0.5, "ham": -3.0}),
        ({"scam": -0.5, " ": -1.0, "": -1.5, " sc": -3.0}, {"spam": -0.5, "ham": -3.0}),
    ],
)
def test_words_are_scored_by_their_tokens(top: dict[str, float], scores: dict[str, float]) -> None:
    assert word_scores(WORDS, top) == scores


def test_a_beginning_that_two_words_share_counts_for_neither() -> None:
    assert word_scores({"a": "spam", "b": "spoon"}, {" sp": -0.1, " spa": -2.0, "x": -5.0}) == {
        "a": -2.0,
        "b": -5.0,
    }


def test_without_any_label_word_there_is_no_answer() -> None:
    with pytest.raises(BadAnswer, match="none of the label words"):
        word_scores(WORDS, {" the": -0.1})


def test_ties_go_to_the_authors_first_label() -> None:
    assert likeliest({"ham": 0.5, "spam": 0.5}) == "ham"


async def test_without_calibration_items_scores_are_raw(stack: AsyncExitStack) -> None:
    task = parse_task(VIEW_TASK.partition("calibration:")[0] + "spend: {unpriced: allow}", "t")
    assert isinstance(task, ClassificationTask)
    assert isinstance(task.annotator, View)
    bench = await new_bench(stack, task)
    fitted = FittedView(task, task.annotator, bench.ports)
    await fitted.prepare(bench.load, bench.save)
    assert fitted.calibrator_hash is None
    assert not bench.store
    assert bench.model.counts.total() == 0


class Mumbles:
    """A model that finds no label word likely."""

    model = "m"
    deadline = 1.0

    async def next_token(self, request: CompletionRequest) -> Answer:
        return Answer("m", "", Usage(), latency_ms=1.0, top={" the": -0.1, " a": -3.0})

    async def complete_json(self, request: ChatRequest) -> Answer:
        raise AssertionError("not asked here")


async def test_words_the_model_never_says_are_the_authors_mistake(stack: AsyncExitStack) -> None:
    task = view_task()
    assert isinstance(task, ClassificationTask)
    bench = await new_bench(stack)
    fitted = FittedView(task, view(), replace(bench.ports, model=Mumbles()))
    with pytest.raises(ConfigurationError, match="choose other words"):
        await fitted.prepare(bench.load, bench.save)
