"""`tidegauge simulate-reviewers`: answers review tasks from a key, for demos and tests."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from models.settings import Settings
from streams.assembly.ground import Running
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.delivery.batches import Pace, run_batches
from streams.delivery.kafka import group_of, new_consumer, new_producer, reach
from streams.process.vitals import Vitals
from streams.stages.simulate_reviewers import Key, SimulatedReviewers, read_key
from streams.topics import Topics
from streams.worker import run

STAGE = "simulate-reviewers"


def simulate_reviewers(
    key: Annotated[Path, typer.Option(help="JSONL with text and its label (or labels).")],
) -> None:
    """Answer review tasks from a key file, until Ctrl-C; every decision is marked as simulated.

    Example: tidegauge simulate-reviewers --key examples/demo/traffic.jsonl
    """
    settings = settings_here()
    known = read_key(key)
    terminal.note(f"simulated reviewers answer from {len(known):,} known texts; Ctrl-C stops them")

    asyncio.run(run(lambda here, stack: _started(here, stack, known), settings))


async def _started(settings: Settings, stack: AsyncExitStack, key: Key) -> Running:
    producer = new_producer(settings)
    await reach(producer, settings)
    stack.push_async_callback(producer.stop)
    topics, kafka, delivery = Topics.of(settings.kafka), settings.kafka, settings.delivery
    consumer = new_consumer(settings, group_of(kafka, STAGE))
    reviewers = SimulatedReviewers(producer, topics, key)
    pace = Pace(delivery.batch_rows, delivery.batch_ms, kafka.incarnation)
    vitals = Vitals(STAGE, settings.slot)
    return [run_batches(consumer, (topics.reviews,), reviewers.work, pace, vitals)]
