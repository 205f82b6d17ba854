"""The try-out broker: librdkafka's mock cluster, one Kafka-speaking node in memory on loopback.

It speaks enough Kafka for aiokafka and Faust (produce, fetch, groups, static members, commits), and
forgets: about 5 MB a partition are kept, older records vanish without an error, and a new start has
a new port, empty topics and a new `incarnation`. Topics appear when first named, with 4 partitions;
CreateTopics is not served, so `--topic` names them at the start.

    python -m streams.embedded.broker --announce PATH [--topic NAME ...]
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from models.errors import ConfigurationError
from streams.embedded.announce import announce
from streams.embedded.program import run_program, until_told_to_stop

PARTITIONS = 4
"""Partitions of every topic; the mock cluster's own default, checked when a topic is touched."""

ANSWER_SECONDS = 10.0


def touch_topics(client: Producer, topics: Iterable[str]) -> None:
    """Bring `topics` into being by asking about them.

    Raises:
        ConfigurationError: a name the broker refuses, or one that came with other than `PARTITIONS`
            partitions.
    """
    for topic in topics:
        try:
            metadata = client.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise ConfigurationError(f"topic {topic!r}: {error}; choose another name") from error
        if metadata.error is not None or len(metadata.partitions) != PARTITIONS:
            raise ConfigurationError(
                f"topic {topic!r}: the embedded broker made {len(metadata.partitions)} partitions "
                f"where {PARTITIONS} are relied on ({metadata.error}); choose another name"
            )


def start_cluster() -> tuple[Producer, str, int]:
    """A running mock cluster: what keeps it alive, its host and its port."""
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 3})
    (node,) = keeper.list_topics(timeout=ANSWER_SECONDS).brokers.values()
    return keeper, node.host, node.port


async def serve(path: Path, topics: Sequence[str]) -> None:
    """Run the broker until told to stop, announced at `path` once its topics are there."""
    keeper, host, port = start_cluster()
    touch_topics(keeper, topics)
    incarnation = uuid.uuid4().hex[:12]
    announce(
        path,
        {"host": host, "port": port, "partitions": PARTITIONS, "incarnation": incarnation},
    )
    await until_told_to_stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broker as a program; its exit code."""
    parser = argparse.ArgumentParser(prog="streams.embedded.broker", description=__doc__)
    parser.add_argument("--announce", type=Path, required=True, help="file that gets the address")
    parser.add_argument("--topic", action="append", default=[], help="topic to make at the start")
    options = parser.parse_args(arguments)
    return run_program(lambda: asyncio.run(serve(options.announce, options.topic)))


if __name__ == "__main__":
    sys.exit(main())
