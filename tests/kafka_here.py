"""A real Kafka for tests that are marked `kafka`, or the reason why there is none.

One node with four listeners: PLAINTEXT; SCRAM (SASL_SSL); PLAIN (SASL_PLAINTEXT); CERT (TLS, and a
client certificate is asked for). Its certificates, a client's among them, lie in `certs/`.
"""

import uuid
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from models.errors import ConfigurationError
from models.settings import Kafka, Settings
from streams.embedded import apache_kafka
from streams.embedded.apache_kafka_jars import check_java, fetch_jars
from streams.embedded.apache_kafka_node import Extra
from streams.embedded.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / apache_kafka.FOLDER
"""Where `make kafka` keeps its jars: fetched once for both."""

USER, PASSWORD = "alice", "correct-horse"
STRANGER = "mallory"
"""May log in over PLAIN with the same password; tests take rights from her."""

LISTENERS = {"SCRAM": "SASL_SSL", "PLAIN": "SASL_PLAINTEXT", "CERT": "SSL"}


def started(folder: Path, nodes: int = 1, extra: Extra | None = None) -> apache_kafka.Cluster:
    """A running cluster of the test's own; skips where Java or Maven is missing or offline."""
    try:
        fetch_jars(JARS, lambda _: None)
        check_java()
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    folder.mkdir(parents=True, exist_ok=True)
    return apache_kafka.start(folder, nodes, extra=extra, jars=JARS)


def new_prefix() -> str:
    """Topics and groups of one test on a Kafka that it shares with others."""
    return f"t{uuid.uuid4().hex[:10]}"


def settings_for(cluster: apache_kafka.Cluster, listener: str = "PLAINTEXT", **kafka: Any) -> Any:
    """Settings for one of its listeners, under a prefix of their own."""
    options = {"bootstrap": cluster.listening(listener), "prefix": new_prefix(), **kafka}
    return Settings(data=cluster.folder / "data", kafka=Kafka(**options))


def secured(folder: Path) -> Extra:
    """The three secured listeners, and the certificates they need."""
    certs = folder / "certs"
    certs.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(certs / "ca.pem")
    trustme.CA().cert_pem.write_to_path(certs / "stranger.pem")
    for name in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1" if name == "server" else "client.example")
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        (certs / f"{name}.pem").write_bytes(_pkcs8(issued.private_key_pem.bytes()) + chain)
    users = [f'user_{name}="{PASSWORD}"' for name in (USER, STRANGER)]
    return Extra(
        port=free_port(),
        listeners=LISTENERS,
        users={USER: PASSWORD},
        properties={
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certs / "server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(certs / "ca.pem"),
            "listener.name.cert.ssl.client.auth": "required",
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": _login("scram.Scram"),
            "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.plain.plain.sasl.jaas.config": _login("plain.Plain", *users),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
        },
    )


def _login(module: str, *options: str) -> str:
    name = f"org.apache.kafka.common.security.{module}LoginModule"
    return f"{' '.join((name, 'required', *options))};"


def _pkcs8(key: bytes) -> bytes:
    """A private key in the one form that Kafka reads."""
    return load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
