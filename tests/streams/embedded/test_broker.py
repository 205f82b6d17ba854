from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka")

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.embedded.broker import PARTITIONS
from streams.embedded.retention import find_losses
from tests.streams.embedded.conftest import Start, run_to_end

pytestmark = pytest.mark.processes
BROKER = "streams.embedded.broker"


async def read(consumer: AIOKafkaConsumer, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found += [record.value for record in records]
    return found


async def test_a_static_member_reads_all_and_its_commits_are_seen_from_outside(
    start: Start,
) -> None:
    broker = start(BROKER, "--topic", "samples")
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    assert len(await producer.partitions_for("samples")) == PARTITIONS == broker.facts["partitions"]
    sent = [f"v{number}".encode() for number in range(40)]
    for number, value in enumerate(sent):
        await producer.send_and_wait("samples", value, partition=number % PARTITIONS)
    await producer.stop()
    group = {
        "bootstrap_servers": broker.address,
        "group_id": "tg.sink",
        "enable_auto_commit": False,
    }
    member = AIOKafkaConsumer(
        "samples",
        **group,
        group_instance_id="sink-0",
        auto_offset_reset="earliest",
        session_timeout_ms=6_000,
    )
    await member.start()
    assert sorted(await read(member, 40)) == sorted(sent)
    await member.commit()
    await member.stop()
    outside = AIOKafkaConsumer(**group)
    await outside.start()
    partitions = [TopicPartition("samples", number) for number in range(PARTITIONS)]
    assert [await outside.committed(partition) for partition in partitions] == [10] * PARTITIONS
    await outside.stop()


async def test_what_overflows_a_partition_is_seen_as_lost(start: Start) -> None:
    broker = start(BROKER, "--topic", "samples")
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    for _ in range(8):
        await producer.send_and_wait("samples", b"x" * 900_000, partition=1)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition("samples", number) for number in range(PARTITIONS)]
    begin = await consumer.beginning_offsets(partitions)
    (loss,) = find_losses("tg.annotate", begin, dict.fromkeys(partitions))
    assert (loss.topic, loss.partition, loss.first) == ("samples", 1, 0)
    assert loss.records == begin[partitions[1]] > 0
    consumer.assign(partitions)
    end = (await consumer.end_offsets(partitions))[partitions[1]]
    consumer.seek(partitions[1], end - 1)
    assert (await consumer.getone(partitions[1])).offset == end - 1 == 7
    await consumer.stop()


def test_every_start_is_another_incarnation(start: Start) -> None:
    first, second = start(BROKER), start(BROKER)
    assert first.facts["incarnation"] != second.facts["incarnation"]
    assert first.terminate() == 0


def test_a_mistake_is_one_line_and_exit_78(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run_to_end(BROKER, "--announce", str(tmp_path / "file" / "a.json"))
    assert (ended.returncode, ended.stdout) == (78, "")
    assert "cannot write the announcement" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
