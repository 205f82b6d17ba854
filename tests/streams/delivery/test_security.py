"""Secured clusters: settings alone let every client in, and a refusal names what mends it."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiokafka import TopicPartition

from models.errors import BrokerUnavailable, ConfigurationError
from models.settings import Kafka, Security, Settings, load_settings
from streams.app import credentials
from streams.delivery.diagnosis import why_unreachable
from streams.delivery.kafka import new_consumer, new_producer, reach
from streams.delivery.provision import check_topics, ensure_topics
from streams.delivery.security import client_options, tls_context
from streams.embedded.apache_kafka import Cluster
from streams.embedded.run_file import environment, published
from streams.topics import Topics
from tests.kafka_here import PASSWORD, USER, settings_for

Options = dict[str, Any]


def password(protocol: str, mechanism: str, **more: Any) -> Options:
    login = {"username": USER, "password": PASSWORD}
    return {"protocol": protocol, "mechanism": mechanism, **login, **more}


def scram(cluster: Cluster, **more: Any) -> Options:
    ca_file = cluster.folder / "certs" / "ca.pem"
    return password("SASL_SSL", "SCRAM-SHA-512", ca_file=ca_file) | more


def certificate(cluster: Cluster, **more: Any) -> Options:
    certs = cluster.folder / "certs"
    files = {"ca_file": certs / "ca.pem", "cert_file": certs / "client.pem"}
    return {"protocol": "SSL", **files, **more}


WAYS: dict[str, Callable[[Cluster], Options]] = {
    "PLAINTEXT": lambda _: {},
    "SCRAM": scram,
    "PLAIN": lambda _: password("SASL_PLAINTEXT", "PLAIN"),
    "CERT": certificate,
}


@pytest.mark.kafka
@pytest.mark.parametrize("listener", WAYS)
async def test_every_way_in(kafka_here: Cluster, listener: str) -> None:
    settings = settings_for(kafka_here, listener, security=WAYS[listener](kafka_here))
    assert len(await ensure_topics(settings)) == len(Topics.of(settings.kafka).all)
    assert await check_topics(settings) == 4

    samples = Topics.of(settings.kafka).samples
    producer = new_producer(settings)
    await reach(producer, settings)
    await producer.send_and_wait(samples, b"x", partition=0)
    await producer.stop()

    consumer = new_consumer(settings, None)
    await reach(consumer, settings)
    consumer.assign([TopicPartition(samples, 0)])
    record = await asyncio.wait_for(consumer.getone(), 20)
    await consumer.stop()
    assert record.value == b"x"


def wrong(change: Options) -> Callable[[Cluster], Options]:
    return lambda cluster: scram(cluster, **change)


REFUSALS: list[tuple[str, Callable[[Cluster], Options], str]] = [
    ("SCRAM", wrong({"password": "guess"}), "refuses the user 'alice' or its password"),
    ("SCRAM", wrong({"username": "bob"}), "refuses the user 'bob' or its password"),
    ("PLAIN", lambda _: password("SASL_PLAINTEXT", "PLAIN", password="x"), "or its password"),
    ("SCRAM", wrong({"ca_file": None}), "set TIDEGAUGE_KAFKA__SECURITY__CA_FILE"),
    ("SCRAM", wrong({"mechanism": "PLAIN"}), "MECHANISM to what it takes: SCRAM-SHA-512$"),
    ("PLAINTEXT", scram, "speaks without TLS, .*set it to SASL_PLAINTEXT"),
    ("SCRAM", lambda _: {}, "speaks TLS only; set .*PROTOCOL to SSL"),
    ("SCRAM", lambda c: {"protocol": "SSL", "ca_file": c.folder / "certs" / "ca.pem"}, "asks for"),
    ("PLAIN", lambda _: {}, "asks for a password; set .*PROTOCOL to SASL_PLAINTEXT"),
    ("PLAINTEXT", lambda _: password("SASL_PLAINTEXT", "PLAIN"), "asks for no password"),
    ("CERT", lambda c: certificate(c, cert_file=None), "refuses our certificate .*set .*CERT_FILE"),
]


@pytest.mark.kafka
@pytest.mark.parametrize(("listener", "way", "said"), REFUSALS)
async def test_a_refusal_names_what_mends_it(
    kafka_here: Cluster, listener: str, way: Callable[[Cluster], Options], said: str
) -> None:
    settings = settings_for(kafka_here, listener, security=way(kafka_here))
    with pytest.raises(ConfigurationError, match=said) as caught:
        await check_topics(settings)
    assert PASSWORD not in str(caught.value)


@pytest.mark.kafka
async def test_a_certificate_of_a_stranger_and_a_wrong_name(
    kafka_here: Cluster, tmp_path: Path
) -> None:
    stranger = kafka_here.folder / "certs" / "stranger.pem"
    settings = settings_for(kafka_here, "SCRAM", security=scram(kafka_here, ca_file=stranger))
    error = await why_unreachable(settings.kafka)
    assert isinstance(error, ConfigurationError)
    assert "an authority we do not trust" in str(error)

    named = kafka_here.listening("SCRAM").replace("127.0.0.1", "localhost")
    settings = settings_for(kafka_here, bootstrap=named, security=scram(kafka_here))
    error = await why_unreachable(settings.kafka)
    assert isinstance(error, ConfigurationError)
    assert "not for 'localhost'" in str(error)

    issued = trustme.CA().issue_cert("client.example")
    mine = tmp_path / "mine.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(mine)
    settings = settings_for(kafka_here, "CERT", security=certificate(kafka_here, cert_file=mine))
    error = await why_unreachable(settings.kafka)
    assert isinstance(error, ConfigurationError)
    assert "refuses our certificate" in str(error)


async def test_nobody_there_is_no_mistake_of_ours(free_port: int) -> None:
    kafka = Kafka(bootstrap=f"127.0.0.1:{free_port}")
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{free_port} does not answer"):
        await check_topics(Settings(kafka=kafka))


def test_settings_reach_the_children_and_secrets_stay_out_of_the_run_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    security = Security(**password("SASL_SSL", "PLAIN"), key_password="hush")
    settings = Settings(data=tmp_path, kafka=Kafka(security=security))
    content = str(published(settings))
    assert PASSWORD not in content
    assert "hush" not in content
    assert "***" not in content, "a masked secret must not be read back as one"
    assert USER in content
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings().kafka.security == security


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "SASL_SSL"}, "SECURITY__USERNAME is not set"),
        ({"protocol": "SASL_SSL", "username": "a"}, "SECURITY__PASSWORD is not set"),
        ({"username": "a"}, "USERNAME is set, but .*PROTOCOL is PLAINTEXT"),
        ({"ca_file": "x.pem"}, "CA_FILE is set, but .*PROTOCOL is PLAINTEXT, without TLS"),
        ({"protocol": "SSL", "key_file": "x.pem"}, "KEY_FILE is set, and .*CERT_FILE is not"),
        ({"protocol": "SSL", "ca_file": "none.pem"}, "CA_FILE: none.pem: No such file"),
        ({"protocol": "SSL", "ca_file": __file__}, "CA_FILE: .* no certificate in PEM form"),
        ({"protocol": "SSL", "cert_file": "none.pem"}, "CERT_FILE: none.pem: no such file"),
        ({"protocol": "SSL", "cert_file": __file__}, "do not hold a certificate and its key"),
    ],
)
def test_settings_that_do_not_fit_are_named(options: Options, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        client_options(Security(**options))
    with pytest.raises(ConfigurationError, match=said):
        credentials(Security(**options))


def test_a_key_needs_its_own_certificate_and_password(tmp_path: Path) -> None:
    authority = trustme.CA()
    first, second = (authority.issue_cert(f"{name}.example") for name in "ab")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    first.cert_chain_pems[0].write_to_path(cert)
    second.private_key_pem.write_to_path(key)
    security = Security(protocol="SSL", cert_file=cert, key_file=key)
    with pytest.raises(ConfigurationError, match="is not that of"):
        tls_context(security)
    first.private_key_pem.write_to_path(key)
    context = tls_context(security)
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_a_wrong_protocol_is_named_with_what_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGAUGE_KAFKA__SECURITY__PROTOCOL", "TLS")
    with pytest.raises(ConfigurationError, match=r"KAFKA__SECURITY__PROTOCOL: .*'SASL_SSL'"):
        load_settings()
