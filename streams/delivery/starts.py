"""Where a new deployment begins on `samples`: one position for every group that keeps the books.

Annotate and sink both read `samples`. Were each to choose its own beginning, samples that only one
of them met would stay in flight, or have a state and never have come in. So the beginning is fixed
once, for both, before either starts.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from models.errors import ConfigurationError
from models.settings import Settings
from streams.delivery.kafka import group_of, new_consumer, reach
from streams.topics import Stage, Topics

BOOKKEEPERS: tuple[Stage, ...] = ("annotate", "sink")

Positions = Mapping[TopicPartition, int]


async def fix_start(settings: Settings) -> dict[TopicPartition, int]:
    """Fix the beginning where none is fixed yet; how many records of each partition lie behind it.

    Those are to be labelled.
    """
    known = {stage: await _committed(settings, stage) for stage in BOOKKEEPERS}
    partitions = {tp for positions in known.values() for tp in positions}
    chosen: dict[TopicPartition, int] = {}
    for tp in partitions:
        fixed = [at for positions in known.values() if (at := positions[tp]) is not None]
        if fixed:
            chosen[tp] = min(fixed)
    first, end = await _bounds(settings, partitions)
    bounds = end if settings.kafka.start == "latest" else first
    chosen = {tp: chosen.get(tp, bounds[tp]) for tp in partitions}
    for stage, positions in known.items():
        missing = {tp: chosen[tp] for tp, at in positions.items() if at is None}
        if missing:
            await _commit(settings, stage, missing)
    return {tp: max(0, end[tp] - max(at, first[tp])) for tp, at in chosen.items()}


async def check_start(settings: Settings, stage: Stage) -> None:
    """See that a stage which reads `samples` knows where to begin.

    Raises:
        ConfigurationError: nobody has fixed it.
    """
    if stage in BOOKKEEPERS and None in (await _committed(settings, stage)).values():
        topic = Topics.of(settings.kafka).samples
        raise ConfigurationError(f"no beginning is fixed on {topic!r}; run `tidegauge migrate`")


async def _committed(settings: Settings, stage: Stage) -> dict[TopicPartition, int | None]:
    consumer = await _attached(settings, stage)
    try:
        partitions = consumer.assignment()
        return {tp: await consumer.committed(tp) for tp in partitions}
    except GroupAuthorizationFailedError as exc:
        raise ConfigurationError(
            f"Kafka does not let this user read as group {group_of(settings.kafka, stage)!r}: its "
            "rights (ACLs) must allow Read on the groups of this prefix"
        ) from exc
    finally:
        await consumer.stop()


async def _commit(settings: Settings, stage: Stage, positions: Positions) -> None:
    consumer = await _attached(settings, stage)
    try:
        await consumer.commit(dict(positions))
    finally:
        await consumer.stop()


async def _bounds(
    settings: Settings, partitions: set[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    consumer = await _attached(settings, None)
    try:
        wanted = sorted(partitions)
        return await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
    finally:
        await consumer.stop()


async def _attached(settings: Settings, stage: Stage | None) -> Any:
    """A consumer of a stage's group with all of `samples`, without joining the group."""
    group = None if stage is None else group_of(settings.kafka, stage)
    consumer = new_consumer(settings, group)
    await reach(consumer, settings)
    topic = Topics.of(settings.kafka).samples
    await consumer._client.add_topic(topic)
    numbers = consumer.partitions_for_topic(topic) or set()
    consumer.assign([TopicPartition(topic, number) for number in sorted(numbers)])
    return consumer
