"""One node of a real Kafka on loopback: its configuration, its process, and whether it answers."""

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import ConfigurationError
from streams.embedded.announce import LOOPBACK
from streams.embedded.apache_kafka_jars import RECIPE
from streams.embedded.child import bound_log, last_lines

PLAIN = "PLAINTEXT"
CONTROLLER = "CONTROLLER"
MAX_MESSAGE_BYTES = 1_048_588
"""Holds a record of `streams.delivery.kafka.MAX_RECORD` bytes; also Kafka's own default."""

MEMORY = ("-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
POLL_SECONDS = 0.1
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_METADATA, _METADATA_VERSION = 3, 4


@dataclass(frozen=True)
class Node:
    """One broker, which is a controller too.

    Attributes:
        number: from 1; Kafka's `node.id`.
        ports: by listener name, `PLAINTEXT` and `CONTROLLER` among them.
    """

    number: int
    ports: Mapping[str, int]

    @property
    def address(self) -> str:
        """Where it listens without a password."""
        return f"{LOOPBACK}:{self.ports[PLAIN]}"


@dataclass(frozen=True)
class Extra:
    """What a cluster has beyond the ordinary.

    Attributes:
        listeners: name and protocol of further listeners, such as `{"SCRAM": "SASL_SSL"}`.
        properties: further server properties.
        users: SCRAM-SHA-512 users and their passwords, for tests: others on this machine see them
            among a process's arguments while the storage is formatted.
        port: of the first node, while nobody else has it; none means any.
    """

    listeners: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None


def properties_of(folder: Path, number: int) -> Path:
    """The file a node is configured by, whose path also tells its process from others."""
    return folder.resolve() / f"node-{number}.properties"


def log_of(folder: Path, number: int) -> Path:
    """What a node says."""
    return folder / f"node-{number}.log"


def write_properties(folder: Path, nodes: Sequence[Node], extra: Extra) -> None:
    """Write every node's file; passwords may be in them, so nobody else may read them."""
    voters = ",".join(f"{node.number}@{LOOPBACK}:{node.ports[CONTROLLER]}" for node in nodes)
    protocols = {PLAIN: PLAIN, CONTROLLER: PLAIN, **extra.listeners}
    for node in nodes:
        listeners = {name: f"{name}://{LOOPBACK}:{port}" for name, port in node.ports.items()}
        advertised = [text for name, text in listeners.items() if name != CONTROLLER]
        lines = {
            "process.roles": "broker,controller",
            "node.id": str(node.number),
            "controller.quorum.voters": voters,
            "controller.listener.names": CONTROLLER,
            "inter.broker.listener.name": PLAIN,
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(f"{a}:{b}" for a, b in protocols.items()),
            "log.dirs": str(folder.resolve() / "data" / str(node.number)),
            **_behaviour(len(nodes)),
            **extra.properties,
        }
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        path = properties_of(folder, node.number)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text, "utf-8")


def _behaviour(nodes: int) -> dict[str, str]:
    copies, in_sync = (str(min(nodes, 3)), "2" if nodes > 2 else "1")  # noqa: PLR2004 - a majority
    return {
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
        "num.partitions": "4",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": "10",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }


def java_arguments(jars: Path) -> list[str]:
    """Class path and logging, the same for the broker and for formatting."""
    return ["-cp", f"{jars.resolve()}/*", f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.yaml'}"]


def format_storage(java: Sequence[str], path: Path, cluster: str, extra: Extra) -> None:
    """Give a node its empty, named storage.

    Raises:
        ConfigurationError: Kafka refuses; the text is what it says.
    """
    users = [
        part
        for name, password in extra.users.items()
        for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
    ]
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(path), *users]
    done = subprocess.run([*java, *tool], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise ConfigurationError(f"Kafka cannot format its storage: {said[-1][:500]}")


def launch(java: Sequence[str], folder: Path, number: int) -> int:
    """Start a node that outlives whoever starts it; its process id."""
    path = properties_of(folder, number)
    bound_log(log_of(folder, number))
    argv = [java[0], *MEMORY, *java[1:], "kafka.Kafka", str(path)]
    script = 'log=$1; shift; "$@" >>"$log" 2>&1 & echo $!'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(log_of(folder, number)), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        start_new_session=True,
    )
    pid = int(done.stdout)
    _pid_file(folder, number).write_text(f"{pid}\n", "ascii")
    return pid


def pid_of(folder: Path, number: int) -> int | None:
    """The process of a node while it lives; a foreign process under an old number is not it."""
    path = _pid_file(folder, number)
    if not path.is_file():
        return None
    pid = int(path.read_text("ascii"))
    return pid if str(properties_of(folder, number)) in _command(pid) else None


def _pid_file(folder: Path, number: int) -> Path:
    return folder / f"node-{number}.pid"


def _command(pid: int) -> list[str]:
    """A living process's arguments; a dead one's are empty."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return []
    argv = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()


def await_answer(folder: Path, node: Node, cluster: str) -> None:
    """Wait until a node has joined its cluster, told by its name, and answers.

    Raises:
        ConfigurationError: it ended, or is silent for `START_SECONDS`; with the end of its log.
    """
    end = time.monotonic() + START_SECONDS
    while not is_member(node, cluster):
        dead = pid_of(folder, node.number) is None
        if dead or time.monotonic() > end:
            how = "ended" if dead else f"is silent after {START_SECONDS:g} s"
            path = log_of(folder, node.number)
            said = " | ".join(last_lines(path)[-3:])
            raise ConfigurationError(f"Kafka node {node.number} {how} ({path}): {said[:800]}")
        time.sleep(POLL_SECONDS)


def end_node(folder: Path, number: int, how: signal.Signals = signal.SIGTERM) -> bool:
    """Send a node a signal and wait for its end; whether it lived.

    After `STOP_SECONDS` it is killed.
    """
    lived = False
    for sign in (how, signal.SIGKILL):
        end = time.monotonic() + STOP_SECONDS
        pid = pid_of(folder, number)
        if pid is None:
            break
        lived = True
        _send(pid, sign)
        while pid_of(folder, number) is not None and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
    _pid_file(folder, number).unlink(missing_ok=True)
    return lived


def _send(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def is_member(node: Node, cluster: str) -> bool:
    """Whether a broker answers at the node's address, of that cluster, and knows the node."""
    name, numbers = cluster_at(node.address)
    return name == cluster and node.number in numbers


def cluster_at(address: str, seconds: float = 1.0) -> tuple[str, frozenset[int]]:
    """The cluster's name and its live brokers as the one at `address` knows them.

    Both are empty if it does not answer. One Metadata request, version 4, for no topic: enough
    Kafka to need no client.
    """
    host, port = address.rsplit(":", 1)
    body = struct.pack(">hhih", _METADATA, _METADATA_VERSION, 0, -1) + struct.pack(">i?", 0, False)
    try:
        with socket.create_connection((host, int(port)), timeout=seconds) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            with link.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                return _cluster_in(answer.read(size))
    except (OSError, struct.error):
        return "", frozenset()


def _cluster_in(answer: bytes) -> tuple[str, frozenset[int]]:
    """Read correlation, throttle time, the brokers (number, host, port, rack), the name."""
    (count,), at = struct.unpack_from(">i", answer, 8), 12
    numbers = set()
    for _ in range(count):
        number, host = struct.unpack_from(">ih", answer, at)
        at += 6 + host + 4
        (rack,) = struct.unpack_from(">h", answer, at)
        at += 2 + max(0, rack)
        numbers.add(number)
    (length,) = struct.unpack_from(">h", answer, at)
    return answer[at + 2 : at + 2 + max(0, length)].decode(), frozenset(numbers)
