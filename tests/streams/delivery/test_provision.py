"""Topics on a real Kafka: made with what their records need, never changed, checked in time."""

from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from models.errors import ConfigurationError
from models.settings import Kafka, Settings, load_settings
from streams.delivery.kafka import MAX_MESSAGE, MAX_RECORD, new_admin
from streams.delivery.provision import check_topics, ensure_topics, topic_configs
from streams.delivery.starts import check_start, fix_start
from streams.embedded.apache_kafka import Cluster
from streams.topics import Topics
from tests.kafka_here import PASSWORD, STRANGER, settings_for


async def make(settings: Settings, name: str, partitions: int) -> None:
    admin = new_admin(settings)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1)])
        assert not answer.topic_errors[0][1]
    finally:
        await admin.close()


async def config_of(settings: Settings, name: str) -> dict[str, str]:
    admin = new_admin(settings)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


@pytest.mark.kafka
async def test_topics_follow_the_samples_topic_that_is_there(kafka_here: Cluster) -> None:
    settings = settings_for(kafka_here, partitions=2, retention_hours=48)
    foreign = f"{settings.kafka.prefix}-foreign"
    await make(settings, foreign, 6)
    kafka = settings.kafka.model_copy(update={"samples_topic": foreign})
    settings = settings.model_copy(update={"kafka": kafka})
    topics = Topics.of(kafka)
    done = await ensure_topics(settings)
    assert f"{topics.results} with 6 partitions" in done
    assert f"{topics.readings} with 2 partitions" in done
    assert not any(foreign in line for line in done)
    assert await check_topics(settings) == 6
    assert await ensure_topics(settings) == []

    results = await config_of(settings, topics.results)
    assert results["retention.ms"] == str(48 * 3_600_000)
    assert int(results["max.message.bytes"]) == MAX_MESSAGE > MAX_RECORD
    assert (await config_of(settings, topics.policies))["cleanup.policy"] == "compact"
    assert (await config_of(settings, topics.decisions))["retention.ms"] == "-1"

    with pytest.raises(ConfigurationError, match="run `tidegauge migrate`"):
        await check_start(settings, "annotate")
    assert not any((await fix_start(settings)).values())
    await check_start(settings, "annotate")


@pytest.mark.kafka
async def test_other_counts_are_named_both(kafka_here: Cluster) -> None:
    settings = settings_for(kafka_here)
    await ensure_topics(settings)
    foreign = f"{settings.kafka.prefix}-foreign"
    await make(settings, foreign, 3)
    kafka = settings.kafka.model_copy(update={"samples_topic": foreign})
    changed = settings.model_copy(update={"kafka": kafka})
    said = f"{foreign} has 3, {settings.kafka.prefix}.annotations 4;"
    for look in (check_topics, ensure_topics):
        with pytest.raises(ConfigurationError, match=said):
            await look(changed)


@pytest.mark.kafka
async def test_asking_about_topics_makes_none(kafka_here: Cluster) -> None:
    settings = settings_for(kafka_here)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"samples' and 9 more is not on Kafka"):
            await check_topics(settings)


@pytest.mark.kafka
async def test_more_copies_than_brokers_name_the_setting(kafka_here: Cluster) -> None:
    settings = settings_for(kafka_here, replication=3, min_in_sync=2)
    with pytest.raises(ConfigurationError, match="set TIDEGAUGE_KAFKA__REPLICATION to fewer"):
        await ensure_topics(settings)


def test_copies_in_sync_reach_every_topic() -> None:
    kafka = Kafka(replication=3, min_in_sync=2)
    for name in Topics.of(kafka).all:
        assert topic_configs(kafka, name)["min.insync.replicas"] == "2"


def test_more_copies_in_sync_than_there_are_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setenv("TIDEGAUGE_KAFKA__MIN_IN_SYNC", "2")
    with pytest.raises(ConfigurationError, match="MIN_IN_SYNC 2 is more than REPLICATION 1"):
        load_settings()


def deny(cluster: Cluster, kind: ResourceType, prefix: str) -> None:
    """Take every right on what begins with `prefix` from the stranger."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    whom = (f"User:{STRANGER}", "*", AclOperation.ALL, AclPermissionType.DENY)
    rule = AclBinding(kind, prefix, ResourcePatternType.PREFIXED, *whom)
    for done in admin.create_acls([rule]).values():
        done.result(20)


@pytest.mark.kafka
async def test_missing_rights_are_no_missing_topics(kafka_here: Cluster) -> None:
    login = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": STRANGER}
    settings = settings_for(kafka_here, "PLAIN", security={**login, "password": PASSWORD})
    prefix = settings.kafka.prefix
    await ensure_topics(settings)
    await fix_start(settings)
    deny(kafka_here, ResourceType.GROUP, prefix)
    with pytest.raises(ConfigurationError, match=f"read as group '{prefix}.annotate'"):
        await check_start(settings, "annotate")
    deny(kafka_here, ResourceType.TOPIC, prefix)
    with pytest.raises(ConfigurationError, match="does not let this user see topic"):
        await check_topics(settings)
