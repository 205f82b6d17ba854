"""Policies on Kafka: published before the first record names them, found by hash ever after.

The topic is compacted. A policy has a key of its own and stays for ever, as records name it. Which
one a version of a task is worked by is said under that version's key: the last word holds.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from models.errors import BrokerUnavailable, Unavailable
from models.policy import InForce, Policy
from models.record import Message, Version
from models.settings import Settings
from streams.delivery.kafka import new_consumer, new_producer, reach
from streams.store.outages import Outages
from streams.topics import Topics

log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed", bound=Message)

READ_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_UNSAID = -1


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy a task's version is worked by, and the offset of the word that says so."""

    policy: Policy
    version: Version
    offset: int = _UNSAID


class PolicyBook:
    """Every policy the deployment ever used, and which of them are in force.

    Attributes:
        changed: set whenever another policy comes into force; whoever waits for it clears it.
    """

    def __init__(self, settings: Settings) -> None:
        """Start empty."""
        self.settings = settings
        self.topic = Topics.of(settings.kafka).policies
        self.known: dict[str, Policy] = {}
        self.standing: dict[str, Standing] = {}
        self.changed = asyncio.Event()
        self.reading = asyncio.Lock()
        self.reads = 0

    async def publish(self, policies: Iterable[Policy]) -> None:
        """Put policies on the topic that are not there yet; returns when they are stored.

        Raises:
            BrokerUnavailable: they were not stored.
        """
        await self._read()
        new = {policy.version.hash: policy for policy in policies}
        new = {name: policy for name, policy in new.items() if name not in self.known}
        await self._send([(_own_key(policy), policy) for policy in new.values()])
        self.known.update(new)

    async def use(self, said: InForce) -> None:
        """Put a policy in force, for every stage and until another is; returns when it is stored.

        Raises:
            BrokerUnavailable: it was not stored.
        """
        await self.publish([said.policy])
        await self._send([(_key_in_force(said.task), said)])
        await self._read()

    def in_force(self, task: Version, first: Policy) -> Standing:
        """What a task's version is worked by: its first policy until somebody says otherwise."""
        if task.hash not in self.standing:
            self.standing[task.hash] = Standing(first, first.version)
        return self.standing[task.hash]

    def said(self, task: Version) -> bool:
        """Somebody put a policy in force for this version of a task."""
        return task.hash in self.standing and self.standing[task.hash].offset != _UNSAID

    async def find(self, version: Version) -> Policy:
        """The policy with this hash.

        Raises:
            Unavailable: it is not on the topic (yet).
        """
        if (policy := self.known.get(version.hash)) is not None:
            return policy
        seen = self.reads
        async with self.reading:
            if version.hash not in self.known and self.reads == seen:  # one read serves all waiters
                await self._read_in_time()
                self.reads += 1
        if (policy := self.known.get(version.hash)) is None:
            raise Unavailable(f"policy {version} is not on {self.topic} yet")
        return policy

    async def watch(self) -> None:
        """Read on for ever: another policy is in force here within a second of being said so."""
        outages = Outages(log, "the policies in force hold")
        while True:
            try:
                await self._follow(outages)
            except (KafkaError, Unavailable) as exc:
                outages.met(exc if isinstance(exc, Unavailable) else BrokerUnavailable(repr(exc)))
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow(self, outages: Outages) -> None:
        consumer = new_consumer(self.settings, None)
        await reach(consumer, self.settings)
        try:
            await _at_the_beginning(consumer, self.topic)
            outages.over()
            while True:
                self._learn_all(await consumer.getmany(timeout_ms=1000))
        finally:
            await consumer.stop()

    async def _send(self, messages: Sequence[tuple[bytes, Message]]) -> None:
        if not messages:
            return
        producer = new_producer(self.settings)
        await reach(producer, self.settings)
        try:
            for key, message in messages:
                await producer.send_and_wait(self.topic, message.encode(), key=key)
        except KafkaError as exc:
            raise BrokerUnavailable(f"{self.topic} takes no policy: {exc!r}") from exc
        finally:
            await producer.stop()

    async def _read_in_time(self) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._read()
        except TimeoutError as exc:
            raise Unavailable(f"{self.topic} is not read within {READ_SECONDS:g} s") from exc

    async def _read(self) -> None:
        consumer = new_consumer(self.settings, None)
        await reach(consumer, self.settings)
        try:
            partitions = await _at_the_beginning(consumer, self.topic)
            ends = await consumer.end_offsets(partitions)
            while left := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
                self._learn_all(await consumer.getmany(*left, timeout_ms=200))
        finally:
            await consumer.stop()

    def _learn_all(self, found: dict[TopicPartition, list[Any]]) -> None:
        for records in found.values():
            for record in records:
                self._learn(record.value or b"", record.offset)

    def _learn(self, value: bytes, offset: int) -> None:
        said = _parsed(InForce, value)
        policy = said.policy if said else _parsed(Policy, value)
        if policy is None:
            log.warning("%s holds a record that is no policy", self.topic)
            return
        version = policy.version
        self.known[version.hash] = policy
        if said is not None:
            self._heard(said.task, Standing(policy, version, offset))

    def _heard(self, task: Version, standing: Standing) -> None:
        """Take the later word: what is read again from the beginning changes nothing back."""
        before = self.standing.get(task.hash)
        if before is not None and before.offset > standing.offset:
            return
        self.standing[task.hash] = standing
        if before is None or before.version != standing.version:
            self.changed.set()


def _own_key(policy: Policy) -> bytes:
    return f"{policy.task}/{policy.number}/{policy.version.hash}".encode()


def _key_in_force(task: Version) -> bytes:
    return f"in-force/{task}".encode()


def _parsed(kind: type[Parsed], value: bytes) -> Parsed | None:
    try:
        return kind.model_validate_json(value)
    except ValidationError:
        return None


async def _at_the_beginning(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    await consumer._client.add_topic(topic)  # else not known yet
    numbers = consumer.partitions_for_topic(topic) or set()
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    return partitions
