"""Reading the end of a stage's own output: what a former life of this stage had finished."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiokafka import TopicPartition

from streams.delivery.records import headers_of

log = logging.getLogger(__name__)

SOURCE = "tidegauge-source"
LAST = "tidegauge-last"
_DEADLINE = 10.0

NewReader = Callable[[], Any]


async def answered(
    reader: NewReader, topics: Sequence[str], partition: int, count: int
) -> set[bytes]:
    """The input positions whose last output is among the newest `count` records of each topic.

    A position that is missed is only worked again, so a tail that cannot be read is a warning.
    """
    found: set[bytes] = set()
    if not count:
        return found
    try:
        async with asyncio.timeout(_DEADLINE):
            async for record in _tail_of(reader, topics, partition, count):
                headers = dict(headers_of(record.headers))
                if LAST in headers and SOURCE in headers:
                    found.add(headers[SOURCE])
    except Exception as exc:  # any failure here costs repeated work, never a record
        log.warning("tail of partition %d is unread, answers may repeat: %r", partition, exc)
    return found


async def _tail_of(
    reader: NewReader, topics: Sequence[str], partition: int, count: int
) -> AsyncIterator[Any]:
    consumer = reader()
    await consumer.start()
    try:
        wanted = [TopicPartition(topic, partition) for topic in topics]
        consumer.assign(wanted)
        first = await consumer.beginning_offsets(wanted)
        end = await consumer.end_offsets(wanted)
        for tp in wanted:
            consumer.seek(tp, max(first[tp], end[tp] - count))
        while left := [tp for tp in wanted if await consumer.position(tp) < end[tp]]:
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()
