from contextlib import AsyncExitStack

import pytest

from agents.annotate.annotator import Annotator
from agents.judge.judge import new_judge
from agents.quote import quoted
from models.sample import Sample
from models.task_file import parse_task
from tests.scripted_bench import CHAT_TASK, TAGS_TASK, VIEW_TASK, new_bench

PRICE = "price: {input: 1.0, output: 2.0}"
PRICED = {
    "chat": CHAT_TASK.replace("mode: chat\n", f"mode: chat\n  {PRICE}\n").replace(
        "{kind: rubric,", "{kind: rubric, " + PRICE + ","
    ),
    "view": VIEW_TASK.replace("mode: completion\n", f"mode: completion\n  {PRICE}\n").replace(
        "kind: second_view\n", f"kind: second_view\n  {PRICE}\n"
    ),
}


@pytest.mark.parametrize("name", PRICED)
async def test_the_quote_bounds_what_the_answers_cost(stack: AsyncExitStack, name: str) -> None:
    task = parse_task(PRICED[name], "task.yaml")
    label = task.label_names[0]
    bench = await new_bench(
        stack,
        task,
        truths={
            "hello": [label],
            **{item.text: list(item.truth) for item in task.calibration},
        },
    )
    sample = Sample(id="1", text="hello", task=task.name)
    annotator, judge = Annotator(task, bench.ports), new_judge(task, bench.ports)
    assert judge is not None
    await annotator.prepare(bench.load, bench.save)
    await judge.prepare(bench.load, bench.save)
    annotation = await annotator.annotate(sample, sample.key())
    verdict = await judge.judge(sample, annotation)

    quote = await quoted(task, sample, "scripted")
    assert quote is not None
    assert annotation.price_usd is not None
    assert verdict.price_usd is not None
    assert 0 < annotation.price_usd + verdict.price_usd <= quote


async def test_a_longer_text_is_quoted_higher() -> None:
    task = parse_task(PRICED["chat"], "task.yaml")
    short = await quoted(task, Sample(id="1", text="hello"), "m")
    long = await quoted(task, Sample(id="1", text="hello" * 1000), "m")
    assert short is not None
    assert long is not None
    assert long > short + 2 * 4900 / 1e6, "both calls carry the text"


async def test_no_price_no_quote() -> None:
    task = parse_task(TAGS_TASK, "task.yaml")
    assert await quoted(task, Sample(id="1", text="hello"), "m") is None
