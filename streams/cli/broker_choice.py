"""Which broker `up` runs on: the one given or set, else a Kafka of `make kafka`, else its own."""

from models.settings import Settings
from streams.cli.here import given
from streams.embedded.apache_kafka import Cluster, running
from streams.embedded.parts import EMBEDDED

KAFKA_FOLDER = "kafka"
STORE_FOLDER = "store"
KAFKA_STORE_FOLDER = "store-kafka"
"""Two stores for two kinds of broker: a life of the one says nothing about records on the other."""

_MAJORITY = 3


def kafka_here(settings: Settings, option: str | None) -> Cluster | None:
    """The Kafka of `make kafka` in the data folder, if it answers and no other was chosen.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    is_set = "bootstrap" in given(settings).get("kafka", {})
    chosen = option or (settings.kafka.bootstrap if is_set else "")
    if chosen == EMBEDDED:
        return None
    cluster = running(settings.data / KAFKA_FOLDER)
    if cluster is None or not set(chosen.split(",")) & {"", *cluster.bootstrap.split(",")}:
        return None
    return cluster


def on_kafka_here(settings: Settings, cluster: Cluster) -> Settings:
    """Settings for that Kafka; whatever was set stays.

    A new deployment on it begins with the earliest sample, so that nothing sent before `up` is
    missed; after that it goes on where it stopped. Its data's own age is the incarnation, so that
    positions of a Kafka made anew sort after those of the one before.
    """
    wanted: dict[str, object] = {"start": "earliest", "incarnation": cluster.incarnation}
    if len(cluster.nodes) >= _MAJORITY:
        wanted |= {"replication": _MAJORITY, "min_in_sync": _MAJORITY - 1}
    left = {k: v for k, v in wanted.items() if k not in settings.kafka.model_fields_set}
    kafka = settings.kafka.model_copy(update=left | {"bootstrap": cluster.bootstrap})
    return settings.model_copy(update={"kafka": kafka})


def store_folder(settings: Settings, kafka: str | None) -> str:
    """The folder of the embedded store that goes with a broker.

    >>> store_folder(Settings(), None), store_folder(Settings(), "127.0.0.1:9092")
    ('store', 'store-kafka')
    """
    is_set = "bootstrap" in given(settings).get("kafka", {})
    real = kafka not in (None, "", EMBEDDED) or (is_set and not kafka)
    return KAFKA_STORE_FOLDER if real else STORE_FOLDER
