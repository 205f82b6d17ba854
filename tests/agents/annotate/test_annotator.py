from contextlib import AsyncExitStack, suppress

import pytest

from agents.annotate.annotator import Annotator, annotator_version
from agents.llm.budget import Budget
from models.annotation import Annotation
from models.errors import BadAnswer, BudgetExhausted, ModelUnavailable
from models.sample import Sample
from models.task import Task
from models.task_file import parse_task
from streams.embedded.scripted_answers import Script, text_hash
from tests.scripted_bench import (
    CHAT_TASK,
    VIEW_TASK,
    Bench,
    chat_task,
    new_bench,
    tags_task,
    view_task,
)

RIGHT = Script(accuracy=0.999999)


def sample(text: str = "hello", **more: str) -> Sample:
    return Sample.model_validate({"id": "1", "text": text, **more})


async def annotator_of(task: Task, bench: Bench) -> Annotator:
    annotator = Annotator(task, bench.ports)
    await annotator.prepare(bench.load, bench.save)
    return annotator


async def annotate(annotator: Annotator, of: Sample) -> Annotation:
    return await annotator.annotate(of, of.key())


async def test_a_chat_annotation(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, truths={"hello": ["delivery"]}, script=RIGHT)
    annotation = await annotate(await annotator_of(chat_task(), bench), sample())
    assert annotation.labels == ("delivery",)
    assert annotation.confidence == annotation.scores["delivery"]
    assert annotation.confidence_source == "verbalised"
    assert annotation.calibrator is None
    assert annotation.annotator.name == "chatty"
    assert annotation.usage.calls == annotation.attempts == 1
    assert annotation.price_usd is None
    assert annotation.latency_ms is not None
    Annotation.model_validate(annotation.model_dump())


async def test_a_multilabel_annotation(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, truths={"hello": ["login", "speed"]}, script=RIGHT)
    annotation = await annotate(await annotator_of(tags_task(), bench), sample())
    assert annotation.labels == ("login", "speed")
    assert set(annotation.scores) == {"billing", "login", "speed"}
    assert annotation.confidence == pytest.approx(
        min(
            annotation.scores["login"], annotation.scores["speed"], 1 - annotation.scores["billing"]
        )
    )
    Annotation.model_validate(annotation.model_dump())


async def test_a_view_annotation_is_calibrated(stack: AsyncExitStack) -> None:
    task = view_task()
    bench = await new_bench(stack, task, truths={"hello": ["spam"]}, script=RIGHT)
    annotation = await annotate(await annotator_of(task, bench), sample())
    assert annotation.labels == ("spam",)
    assert sum(annotation.scores.values()) == pytest.approx(1.0)
    assert annotation.confidence == annotation.scores["spam"]
    assert annotation.confidence_source == "logprob"
    assert annotation.calibrator is not None
    Annotation.model_validate(annotation.model_dump())


async def test_no_stated_confidence_is_null_not_zero(stack: AsyncExitStack) -> None:
    text = CHAT_TASK.replace("mode: chat", "mode: chat\n  verbalised_confidence: false")
    bench = await new_bench(stack)
    annotation = await annotate(await annotator_of(parse_task(text, "t"), bench), sample())
    assert annotation.confidence is None
    assert annotation.confidence_source is None
    assert annotation.scores == {}


async def test_an_answer_outside_the_schema_is_asked_for_once_more(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, script=Script(garbage_rate=1.0))
    annotator = await annotator_of(chat_task(), bench)
    with pytest.raises(BadAnswer):
        await annotate(annotator, sample())
    assert bench.model.counts[("annotate", text_hash("hello"))] == 2
    bench.model.script = Script(garbage_rate=0.5)
    attempts = set()
    for n in range(30):
        with suppress(BadAnswer):
            attempts.add((await annotate(annotator, sample(f"text {n}"))).attempts)
    assert attempts == {1, 2}


async def test_identical_samples_are_answered_from_memory(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, cache_seconds=60.0)
    annotator = await annotator_of(chat_task(), bench)
    first = await annotate(annotator, sample(id="1"))
    again = await annotate(annotator, sample(id="2"))
    assert (again.cached, again.price_usd, again.latency_ms) == (True, 0.0, None)
    assert again.usage.calls == 0
    assert (again.labels, again.confidence) == (first.labels, first.confidence)
    assert again.annotation_id != first.annotation_id
    evaluated = await annotate(annotator, sample(id="3", provenance="evaluation"))
    assert not evaluated.cached
    assert bench.model.counts[("annotate", text_hash("hello"))] == 2


async def test_the_same_sample_gets_the_same_id_from_the_same_version(
    stack: AsyncExitStack,
) -> None:
    bench = await new_bench(stack)
    ids = {
        (await annotate(await annotator_of(task, bench), sample())).annotation_id
        for task in (chat_task(), chat_task(), parse_task(CHAT_TASK.replace("shop", "bank"), "t"))
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (CHAT_TASK, "Sort messages", "Please sort messages"),
        (CHAT_TASK, "wants money back", "wants all money back"),
        (CHAT_TASK, "text: where is it", "text: where"),
        (CHAT_TASK, "mode: chat", "mode: chat\n  model: better"),
        (CHAT_TASK, "mode: chat", "mode: chat\n  verbalised_confidence: false"),
        (VIEW_TASK, "a scam or personal", "a scam or truly personal"),
        (VIEW_TASK, "spam: scam", "spam: fraud"),
        (VIEW_TASK, "0.86, spam: 0.14", "0.5, spam: 0.5"),
        (VIEW_TASK, "calibration ham two", "calibration ham 2"),
    ],
)
async def test_whatever_decides_the_label_changes_the_version(
    stack: AsyncExitStack, text: str, old: str, new: str
) -> None:
    bench = await new_bench(stack)
    before = annotator_version(parse_task(text, "t"), bench.ports)
    after = annotator_version(parse_task(text.replace(old, new), "t"), bench.ports)
    assert before.name == after.name
    assert before.hash != after.hash
    assert before == annotator_version(parse_task(text, "t"), bench.ports)


async def test_the_first_stored_calibrator_is_kept(stack: AsyncExitStack) -> None:
    task = view_task()
    bench = await new_bench(stack, task)
    first = await annotate(await annotator_of(task, bench), sample())
    calls = bench.model.counts.total()
    bench.model.script = Script(seed=99)
    again = Annotator(task, bench.ports)
    await again.prepare(bench.load, bench.save)
    assert bench.model.counts.total() == calls, "nothing is asked when one is stored"
    assert (await annotate(again, sample())).calibrator == first.calibrator


async def test_an_annotator_that_is_not_prepared_waits(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, view_task())
    with pytest.raises(ModelUnavailable, match="not fitted yet"):
        await annotate(Annotator(view_task(), bench.ports), sample())


async def test_the_days_budget_stops_the_next_question(stack: AsyncExitStack) -> None:
    priced = CHAT_TASK.replace("mode: chat", "mode: chat\n  price: {input: 1, output: 1}")
    budget = Budget(0.004)
    bench = await new_bench(stack, budget=budget)
    annotator = await annotator_of(parse_task(priced, "t"), bench)

    async def spend_it_all() -> None:
        for n in range(1000):
            await annotate(annotator, sample(f"text {n}"))

    with pytest.raises(BudgetExhausted):
        await spend_it_all()
    assert 0 < budget.spent <= 0.004
