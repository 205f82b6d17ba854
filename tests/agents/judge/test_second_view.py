from contextlib import AsyncExitStack

import pytest

from agents.judge.second_view import SecondViewOpinions
from models.annotation import Annotation, Usage
from models.errors import ModelRefused
from models.record import Version
from models.sample import Sample
from models.task import ClassificationTask, SecondViewJudge
from streams.embedded.scripted_answers import Script
from tests.scripted_bench import Bench, new_bench, view_task


def annotation(label: str) -> Annotation:
    return Annotation(
        annotation_id="a",
        annotator=Version(name="n", hash="h"),
        labels=(label,),
        model="m",
        usage=Usage(),
    )


async def opinions(bench: Bench) -> SecondViewOpinions:
    task = view_task()
    assert isinstance(task, ClassificationTask)
    assert isinstance(task.judge, SecondViewJudge)
    found = SecondViewOpinions(task, task.judge, bench.ports)
    await found.prepare(bench.load, bench.save)
    return found


async def test_the_two_labels_share_all_of_the_probability(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, view_task(), truths={"hello": ["spam"]}, script=Script())
    view = await opinions(bench)
    sample = Sample(id="1", text="hello")
    spam = (await view.of(sample, annotation("spam"))).reading
    ham = (await view.of(sample, annotation("ham"))).reading
    assert spam.p_correct + ham.p_correct == pytest.approx(1.0)
    assert spam.label == ham.label == ("spam" if spam.p_correct > 0.5 else "ham")
    assert view.calibrator_hash is not None


async def test_a_label_of_another_task_cannot_be_judged(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, view_task())
    view = await opinions(bench)
    calls = bench.model.counts.total()
    with pytest.raises(ModelRefused, match="no word for the label 'eggs'"):
        await view.of(Sample(id="1", text="hello"), annotation("eggs"))
    assert bench.model.counts.total() == calls
