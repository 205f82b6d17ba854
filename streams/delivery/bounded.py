"""Faust's consumer, bounded by bytes: it reads on only while what it holds is small enough.

Faust bounds what it holds by a count of records alone, and a record may be of any size up to a
megabyte. Records held are those waiting for the window, in work, and done behind an unfinished one.
"""

import logging
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from faust.transport.drivers import aiokafka as driver

_POLL = 0.05

logging.getLogger(__name__).setLevel(logging.WARNING)  # that Faust's consumer starts is no news


def held_bytes(messages: Iterable[Any]) -> int:
    """The bytes of the values of messages that are still alive; a null has none.

    >>> from types import SimpleNamespace as Message
    >>> held_bytes([Message(value=b"four"), Message(value=None)])
    4
    """
    return sum(len(message.value or b"") for message in list(messages))


class BoundedConsumer(driver.Consumer):
    """Fetches nothing while it holds as many bytes as its transport's limit, or more.

    One fetch more may pass the limit, by what the client has read ahead: at most
    `consumer_max_fetch_size` for each partition.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Hold nothing yet."""
        super().__init__(*args, **options)
        self.held: WeakSet[Any] = WeakSet()

    def _to_message(self, tp: Any, record: Any) -> Any:
        message = super()._to_message(tp, record)
        self.held.add(message)
        return message

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's own
        transport: Any = self.transport
        if self._unacked_messages and held_bytes(self.held) >= transport.limit:
            await self.sleep(_POLL)
            return {}
        return await super()._getmany(active_partitions, timeout)


class BoundedTransport(driver.Transport):
    """Faust's transport with the consumer above, and its limit in bytes."""

    Consumer = BoundedConsumer
    limit: int = 32_000_000
