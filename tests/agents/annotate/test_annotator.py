from contextlib import AsyncExitStack
from tests.scripted_bench import *

from agents.annotate.annotator import Annotator
from models.sample import Sample
from models.task import Task


async def test_smoke(stack) -> None:
    for task in (chat_task(), view_task(), tags_task()):
        bench = await new_bench(stack, task, truths={"hello": [task.label_names[1]]})
        annotator = Annotator(task, bench.ports)
        await annotator.prepare(bench.load, bench.save)
        s = Sample(id="1", text="hello")
        a = await annotator.annotate(s, s.key())
        print(a)
        from agents.judge.judge import new_judge

        j = new_judge(task, bench.ports)
        await j.prepare(bench.load, bench.save)
        print(await j.judge(s, a))
        print(bench.store, bench.model.counts)
