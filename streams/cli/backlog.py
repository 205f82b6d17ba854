"""What waits on `samples` before a deployment starts, and what labelling it would cost."""

from statistics import fmean
from typing import Any

from aiokafka import TopicPartition

from agents.quote import quoted
from models.errors import InvalidRecord
from models.sample import Sample
from models.settings import Settings
from models.task import Task
from models.task_file import load_tasks
from streams.delivery.kafka import new_consumer, reach
from streams.delivery.records import incoming
from streams.intake import SampleForm, read_sample
from streams.topics import Topics

PRICED = 50
"""Samples whose price stands for all that wait."""

_LOOK_MS = 2000


async def backlog_line(settings: Settings, waiting: dict[TopicPartition, int]) -> str:
    """How many records wait (by partition, up to its end) and what labelling them may cost.

    The first samples of each partition are priced at the most they can cost, and stand for all.
    """
    count = sum(waiting.values())
    said = f"{count:,} records on {Topics.of(settings.kafka).samples} wait to be labelled"
    tasks = load_tasks(settings.tasks)
    if not tasks:
        return f"{said}; set TIDEGAUGE_TASKS to see what that may cost"
    prices = [
        await quoted(tasks[sample.task], sample, _model_of(settings, tasks[sample.task]))
        for sample in await _first_samples(settings, waiting, next(iter(tasks)))
        if sample.task in tasks
    ]
    known = [price for price in prices if price is not None]
    if not prices or len(known) < len(prices):
        return f"{said}, at a price that no task file states"
    dollars = fmean(known) * count
    return f"{said}, for about ${dollars:,.2f} at the most ({len(known)} of them were priced)"


def _model_of(settings: Settings, task: Task) -> str:
    return settings.endpoint(task.annotator.endpoint).model


async def _first_samples(
    settings: Settings, waiting: dict[TopicPartition, int], default_task: str
) -> list[Sample]:
    """The first readable samples that wait, from every partition."""
    form = SampleForm(settings.kafka.fields, settings.default_task or default_task)
    consumer: Any = new_consumer(settings, None)
    await reach(consumer, settings)
    try:
        busy = {tp: count for tp, count in waiting.items() if count}
        consumer.assign(list(busy))
        ends = await consumer.end_offsets(list(busy))
        for tp, count in busy.items():
            consumer.seek(tp, ends[tp] - count)
        found: list[Sample] = []
        each = max(1, PRICED // max(1, len(busy)))
        for tp in busy:
            got = await consumer.getmany(tp, timeout_ms=_LOOK_MS, max_records=each)
            for record in got.get(tp, []):
                try:
                    found.append(read_sample(incoming(record, 0), form).sample)
                except InvalidRecord:
                    continue  # it becomes a dead letter, which costs nothing
        return found
    finally:
        await consumer.stop()
