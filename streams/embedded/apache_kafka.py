"""A real Apache Kafka on loopback, without containers: one node or three, each its own process.

They outlive whoever started them, keep their data under one folder, and are stopped by process id:

    python -m streams.embedded.apache_kafka fetch|start|stop|status [--nodes N] [--folder FOLDER]

Under the folder: `jars/`, `data/<number>/`, `node-<number>.{properties,pid,log}`, `cluster.json`.
"""

import argparse
import base64
import json
import signal
import sys
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.errors import ConfigurationError
from streams import exit_codes
from streams.embedded.announce import LOOPBACK
from streams.embedded.apache_kafka_jars import Say, check_java, fetch_jars
from streams.embedded.apache_kafka_node import (
    CONTROLLER,
    PLAIN,
    Extra,
    Node,
    await_answer,
    end_node,
    format_storage,
    is_member,
    java_arguments,
    launch,
    pid_of,
    properties_of,
    write_properties,
)
from streams.embedded.ports import free_ports, is_free

FOLDER = Path(".tidegauge/kafka")
CLUSTER_FILE = "cluster.json"
PORT = 19092
"""Of the first node of `make kafka`, while nobody else has it; a system gives it to no client."""

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cluster:
    """A Kafka on this machine.

    Attributes:
        bootstrap: every node's address, separated by commas.
        folder: where all of it is kept.
        nodes: in the order of their numbers, which begin with 1.
        incarnation: seconds from 2020 until its data began.
        name: what Kafka calls its cluster id.
    """

    bootstrap: str
    folder: Path
    nodes: tuple[Node, ...]
    incarnation: int
    name: str

    def listening(self, listener: str) -> str:
        """Addresses of one listener, separated by commas."""
        return ",".join(f"{LOOPBACK}:{node.ports[listener]}" for node in self.nodes)


def start(
    folder: Path,
    nodes: int = 1,
    *,
    extra: Extra | None = None,
    jars: Path | None = None,
    say: Say = lambda _: None,
) -> Cluster:
    """A cluster that answers; nodes that run already are left alone.

    Args:
        folder: its folder; a cluster that was stopped there goes on with its data.
        nodes: one or three.
        extra: further listeners, properties and users; counts when the cluster is made.
        jars: folder whose `jars/` is used instead of the cluster's own.
        say: gets a line about what takes long.

    Raises:
        ConfigurationError: Java, Maven or a port is missing, the folder has another number of
            nodes, or Kafka does not start.
    """
    java = check_java()
    argv = [java, *java_arguments(fetch_jars(jars or folder, say))]
    known = read_cluster(folder)
    if known is not None and len(known.nodes) != nodes:
        raise ConfigurationError(
            f"{folder} holds a Kafka of {len(known.nodes)} nodes, not {nodes}; choose another "
            "folder, or stop it and delete this one"
        )
    if known is None:
        known = _make(folder, nodes, argv, extra or Extra())
    silent = [node for node in known.nodes if pid_of(folder, node.number) is None]
    for node in silent:
        _check_ports(folder, node)
        launch(argv, folder, node.number)
    for node in known.nodes:
        await_answer(folder, node, known.name)
    return known


def stop(folder: Path) -> int:
    """Stop every node in good order; how many ran."""
    known = read_cluster(folder)
    if known is None:
        return 0
    with ThreadPoolExecutor(len(known.nodes)) as threads:
        return sum(threads.map(lambda node: end_node(folder, node.number), known.nodes))


def running(folder: Path) -> Cluster | None:
    """The cluster of a folder, if one of its nodes runs and answers."""
    known = read_cluster(folder)
    if known is None:
        return None
    alive = [node for node in known.nodes if pid_of(folder, node.number) is not None]
    return known if any(is_member(node, known.name) for node in alive) else None


def start_node(folder: Path, number: int, jars: Path | None = None) -> int:
    """Start one node of a cluster again and wait until it answers; its process id."""
    known = _known(folder)
    node = known.nodes[number - 1]
    if (pid := pid_of(folder, number)) is not None:
        return pid
    argv = [check_java(), *java_arguments(fetch_jars(jars or folder, lambda _: None))]
    pid = launch(argv, folder, number)
    await_answer(folder, node, known.name)
    return pid


def kill_node(folder: Path, number: int, how: signal.Signals = signal.SIGKILL) -> bool:
    """End one node, by default without warning; whether it ran."""
    return end_node(folder, number, how)


def read_cluster(folder: Path) -> Cluster | None:
    """The cluster that was made in a folder, running or not.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    path = folder / CLUSTER_FILE
    try:
        facts = json.loads(path.read_text("utf-8"))
        nodes = tuple(Node(**node) for node in facts["nodes"])
        incarnation, name = int(facts["incarnation"]), str(facts["cluster"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ConfigurationError(f"{path}: not readable: {exc!r}; delete {folder}") from exc
    return Cluster(",".join(node.address for node in nodes), folder, nodes, incarnation, name)


def _known(folder: Path) -> Cluster:
    known = read_cluster(folder)
    if known is None:
        raise ConfigurationError(f"no Kafka was made in {folder}; `make kafka` does")
    return known


def _make(folder: Path, count: int, argv: Sequence[str], extra: Extra) -> Cluster:
    """A new cluster: ports, configuration, formatted storage; its file comes last."""
    if (folder / "data").exists():
        raise ConfigurationError(f"making a Kafka in {folder} was broken off once; delete {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    names = (PLAIN, CONTROLLER, *extra.listeners)
    ports = free_ports(count * len(names), extra.port)
    each = [ports[at::count] for at in range(count)]
    nodes = [Node(n + 1, dict(zip(names, each[n], strict=True))) for n in range(count)]
    write_properties(folder, nodes, extra)
    name = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes)[1:22].decode()
    for node in nodes:
        format_storage(argv, properties_of(folder, node.number), name, extra)
    facts = {
        "cluster": name,
        "incarnation": int((datetime.now(UTC) - _EPOCH).total_seconds()),
        "nodes": [asdict(node) for node in nodes],
    }
    aside = folder / f"{CLUSTER_FILE}.new"
    aside.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    aside.replace(folder / CLUSTER_FILE)
    return _known(folder)


def _check_ports(folder: Path, node: Node) -> None:
    taken = [str(port) for port in node.ports.values() if not is_free(port)]
    if taken:
        raise ConfigurationError(
            f"port {taken[0]}, which Kafka in {folder} always has, is another program's now; stop "
            f"that one, or delete {folder} to begin anew"
        )


def status(folder: Path) -> str:
    """A line about the cluster of a folder."""
    known = read_cluster(folder)
    if known is None:
        return f"no Kafka was made in {folder}"
    pids = [pid_of(folder, node.number) for node in known.nodes]
    said = ", ".join(
        f"node {node.number} at {node.address} {f'runs (process {pid})' if pid else 'is stopped'}"
        for node, pid in zip(known.nodes, pids, strict=True)
    )
    return f"Kafka in {folder}: {said}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, stop or look; an exit code: `status` gives 1 when nothing answers."""
    parser = argparse.ArgumentParser(prog="streams.embedded.apache_kafka", description=__doc__)
    parser.add_argument("command", choices=("fetch", "start", "stop", "status"))
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    try:
        return _run(options.command, options.folder, options.nodes)
    except ConfigurationError as error:
        print(str(error), file=sys.stderr)  # noqa: T201
        return exit_codes.CONFIGURATION


def _run(command: str, folder: Path, nodes: int) -> int:
    if command == "status":
        print(status(folder))  # noqa: T201
        return 0 if running(folder) else 1
    if command == "stop":
        count = stop(folder)
        print(f"{count} node{'' if count == 1 else 's'} stopped")  # noqa: T201
        return 0
    if command == "fetch":
        check_java()
        fetch_jars(folder, _say)
        return 0
    cluster = start(folder, nodes, extra=Extra(port=PORT), say=_say)
    print(f"Kafka runs at {cluster.bootstrap}")  # noqa: T201
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
