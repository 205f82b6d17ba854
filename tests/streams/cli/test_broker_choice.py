"""Which broker `up` runs on."""

from pathlib import Path

import pytest

from models.errors import ConfigurationError
from models.settings import Settings, load_settings
from streams.cli.broker_choice import kafka_here as found_here
from streams.cli.broker_choice import on_kafka_here, store_folder
from streams.embedded.apache_kafka import Cluster
from streams.embedded.apache_kafka_node import Node
from streams.embedded.parts import Wanted, own_parts


@pytest.mark.kafka
def test_the_kafka_of_make_kafka_is_found_unless_another_is_chosen(
    kafka_here: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found_here(Settings(data=tmp_path), None) is None, "none was made"
    (tmp_path / "kafka").symlink_to(kafka_here.folder)
    cluster = found_here(Settings(data=tmp_path), None)
    assert cluster is not None
    assert cluster.bootstrap == kafka_here.bootstrap
    for option in ("embedded", "127.0.0.1:9"):
        assert found_here(Settings(data=tmp_path), option) is None
    assert found_here(Settings(data=tmp_path), cluster.bootstrap) == cluster, "it was meant"
    monkeypatch.setenv("TIDEGAUGE_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    assert found_here(Settings(data=tmp_path), None) is None


def test_a_kafka_here_begins_at_the_earliest_and_with_enough_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = tuple(Node(n, {"PLAINTEXT": n}) for n in (1, 2, 3))
    cluster = Cluster("127.0.0.1:1", Path("x"), nodes, incarnation=7, name="k")
    kafka = on_kafka_here(Settings(), cluster).kafka
    assert (kafka.bootstrap, kafka.start, kafka.incarnation) == ("127.0.0.1:1", "earliest", 7)
    assert (kafka.replication, kafka.min_in_sync, kafka.broker) == (3, 2, "kafka")
    monkeypatch.setenv("TIDEGAUGE_KAFKA__START", "latest")
    assert on_kafka_here(load_settings(), cluster).kafka.start == "latest"


def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("http://host:9092", "host", "a:1,,b:2", "host:port"):
        with pytest.raises(ConfigurationError, match=r"--kafka: .* is not HOST:PORT"):
            own_parts(Settings(), Wanted(Path("s"), kafka=wrong))
    monkeypatch.setenv("TIDEGAUGE_KAFKA__BOOTSTRAP", "host")
    with pytest.raises(ConfigurationError, match="TIDEGAUGE_KAFKA__BOOTSTRAP: 'host' is not"):
        load_settings()


def test_each_kind_of_broker_has_its_own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_folder(Settings(), "embedded") == "store"
    assert not own_parts(Settings(), Wanted(Path("s"), kafka="127.0.0.1:9")).broker
    monkeypatch.setenv("TIDEGAUGE_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    assert store_folder(load_settings(), None) == "store-kafka"
    assert store_folder(load_settings(), "embedded") == "store"
