from contextlib import AsyncExitStack

import pytest

from agents.annotate.annotator import Annotator
from agents.judge.judge import Judge, new_judge
from models.annotation import Annotation
from models.errors import BadAnswer, ConfigurationError
from models.sample import Sample
from models.task import Task
from models.task_file import parse_task
from models.verdict import Verdict
from streams.embedded.scripted_answers import Script, text_hash
from tests.scripted_bench import CHAT_TASK, Bench, chat_task, new_bench, tags_task, view_task

RIGHT = Script(accuracy=0.999999, judge_auc=0.999999)


async def annotated(task: Task, bench: Bench, sample: Sample) -> Annotation:
    annotator = Annotator(task, bench.ports)
    await annotator.prepare(bench.load, bench.save)
    return await annotator.annotate(sample, sample.key())


async def judge_of(task: Task, bench: Bench) -> Judge:
    judge = new_judge(task, bench.ports)
    assert judge is not None
    await judge.prepare(bench.load, bench.save)
    return judge


@pytest.mark.parametrize(
    ("task", "truth"),
    [(chat_task(), ["delivery"]), (view_task(), ["spam"]), (tags_task(), ["login", "speed"])],
    ids=["rubric", "second view", "multilabel"],
)
async def test_right_and_wrong_labels_are_told_apart(
    stack: AsyncExitStack, task: Task, truth: list[str]
) -> None:
    bench = await new_bench(stack, task, truths={"hello": truth}, script=RIGHT)
    sample = Sample(id="1", text="hello")
    right = await annotated(task, bench, sample)
    wrong = right.model_copy(update={"labels": (task.label_names[0],)})
    judge = await judge_of(task, bench)
    trusted, doubted = await judge.judge(sample, right), await judge.judge(sample, wrong)
    assert trusted.p_correct > 0.8
    assert doubted.p_correct < 0.3
    assert trusted.label == doubted.label == right.label
    for verdict in (trusted, doubted):
        assert Verdict.model_validate(verdict.model_dump()) == verdict


async def test_a_verdict_is_identified_by_annotation_and_judge(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack)
    sample = Sample(id="1", text="hello")
    annotation = await annotated(chat_task(), bench, sample)
    other_annotation = annotation.model_copy(update={"annotation_id": "another"})
    strict = parse_task(CHAT_TASK.replace("[label_fits, nothing_missed]", "[grounded]"), "t")
    ids = {
        (await (await judge_of(task, bench)).judge(sample, given)).verdict_id
        for task in (chat_task(), chat_task(), strict)
        for given in (annotation, other_annotation)
    }
    assert len(ids) == 4


async def test_the_same_opinion_is_remembered_per_label(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, cache_seconds=60.0)
    sample = Sample(id="1", text="hello")
    annotation = await annotated(chat_task(), bench, sample)
    judge = await judge_of(chat_task(), bench)
    first = await judge.judge(sample, annotation)
    again = await judge.judge(sample, annotation)
    assert (again.cached, again.price_usd, again.latency_ms) == (True, 0.0, None)
    assert (again.p_correct, again.scores) == (first.p_correct, first.scores)
    other = annotation.model_copy(update={"labels": ("other",)})
    assert not (await judge.judge(sample, other)).cached


async def test_a_bad_verdict_is_asked_for_once_more(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack)
    sample = Sample(id="1", text="hello")
    annotation = await annotated(chat_task(), bench, sample)
    bench.model.script = Script(garbage_rate=1.0)
    judge = await judge_of(chat_task(), bench)
    with pytest.raises(BadAnswer):
        await judge.judge(sample, annotation)
    assert bench.model.counts[("judge", text_hash("hello"))] == 2


async def test_a_task_without_a_judge_has_none(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack)
    text = CHAT_TASK.replace("judge: {kind: rubric, criteria: [label_fits, nothing_missed]}", "")
    assert new_judge(parse_task(text, "t"), bench.ports) is None


@pytest.mark.parametrize(
    ("criterion", "complaint"),
    [("no_such", "unknown; known:"), ("nothing_extra", "does not apply")],
)
async def test_a_criterion_that_cannot_be_used_is_named(
    stack: AsyncExitStack, criterion: str, complaint: str
) -> None:
    bench = await new_bench(stack)
    task = parse_task(CHAT_TASK.replace("nothing_missed", criterion), "t")
    with pytest.raises(ConfigurationError, match=rf"judge\.criteria: '{criterion}' .*{complaint}"):
        new_judge(task, bench.ports)
