"""A real Kafka on this machine: begun, found again, killed, begun anew, and what is said if not."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from models.errors import ConfigurationError
from streams.embedded import apache_kafka
from streams.embedded.apache_kafka import Cluster
from streams.embedded.apache_kafka_jars import check_java, fetch_jars
from streams.embedded.apache_kafka_node import (
    Extra,
    Node,
    cluster_at,
    pid_of,
    properties_of,
    write_properties,
)
from tests.kafka_here import JARS

NODES = [Node(n, {"PLAINTEXT": 1000 + n, "CONTROLLER": 2000 + n}) for n in (1, 2, 3)]


@pytest.mark.kafka
def test_a_running_kafka_is_found_and_left_alone(
    kafka_here: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kafka_here.folder
    pid = pid_of(folder, 1)
    assert apache_kafka.start(folder, jars=JARS) == kafka_here
    assert pid_of(folder, 1) == pid
    assert apache_kafka.running(folder) == kafka_here
    assert apache_kafka.main(["status", "--folder", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"node 1 at {kafka_here.bootstrap} runs (process {pid})" in said
    with pytest.raises(ConfigurationError, match="holds a Kafka of 1 nodes, not 3"):
        apache_kafka.start(folder, 3, jars=JARS)


@pytest.mark.kafka
def test_a_killed_node_comes_back_where_it_was(kafka_here: Cluster) -> None:
    folder = kafka_here.folder
    before = pid_of(folder, 1)
    assert apache_kafka.kill_node(folder, 1)
    assert apache_kafka.running(folder) is None
    assert not apache_kafka.kill_node(folder, 1)
    after = apache_kafka.start_node(folder, 1, JARS)
    assert after != before
    assert apache_kafka.running(folder) == kafka_here
    assert apache_kafka.start_node(folder, 1, JARS) == after


def test_nothing_runs_where_none_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apache_kafka.running(tmp_path) is None
    assert apache_kafka.stop(tmp_path) == 0
    assert apache_kafka.main(["status", "--folder", str(tmp_path)]) == 1
    with pytest.raises(ConfigurationError, match="make kafka"):
        apache_kafka.start_node(tmp_path, 1)
    assert cluster_at("127.0.0.1:1") == ("", frozenset())
    capsys.readouterr()


def made_in(folder: Path, port: int) -> None:
    node = {"number": 1, "ports": {"PLAINTEXT": port, "CONTROLLER": port}}
    facts = {"cluster": "k", "incarnation": 1, "nodes": [node]}
    (folder / "cluster.json").write_text(json.dumps(facts))


def test_a_foreign_process_under_an_old_number_is_never_ended(tmp_path: Path) -> None:
    made_in(tmp_path, 1)
    (tmp_path / "node-1.pid").write_text(str(os.getpid()))
    assert pid_of(tmp_path, 1) is None
    assert apache_kafka.stop(tmp_path) == 0
    (tmp_path / "node-1.pid").write_text(str(os.getpid()))
    assert not apache_kafka.kill_node(tmp_path, 1, signal.SIGTERM)


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def path_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_missing_and_old_java_are_named(path_of_its_own: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs Java 17 or newer; on Debian: apt-get"):
        check_java()
    program(path_of_its_own, "java", "echo 'openjdk version \"11.0.2\" 2019' >&2")
    with pytest.raises(ConfigurationError, match=r"Java 17 or newer, .* is 11;"):
        check_java()
    program(path_of_its_own, "java", "echo 'openjdk version \"21\" 2023' >&2")
    assert check_java() == str(path_of_its_own / "java")


def test_what_keeps_maven_from_fetching_is_said(path_of_its_own: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(ConfigurationError, match=r"Maven \(mvn\) fetches"):
        fetch_jars(tmp_path, said.append)
    program(path_of_its_own, "mvn", "echo '[ERROR] Could not transfer: no route'; exit 1")
    with pytest.raises(ConfigurationError, match=r"Could not transfer: no route"):
        fetch_jars(tmp_path, said.append)
    assert len(said) == 1
    assert not (tmp_path / "jars").exists()
    with pytest.raises(ConfigurationError, match="from a checkout only"):
        fetch_jars(tmp_path, said.append, tmp_path)


def test_jars_are_fetched_once_for_one_recipe(path_of_its_own: Path, tmp_path: Path) -> None:
    program(path_of_its_own, "mvn", f"echo once >>{tmp_path}/calls")
    said: list[str] = []
    for _ in range(2):
        assert fetch_jars(tmp_path, said.append) == tmp_path / "jars"
    assert (tmp_path / "calls").read_text() == "once\n"


def test_a_port_that_was_taken_meanwhile_is_named(
    path_of_its_own: Path, tmp_path: Path, free_port: int
) -> None:
    program(path_of_its_own, "java", "echo 'version \"17\"' >&2")
    program(path_of_its_own, "mvn", "true")
    made_in(tmp_path, free_port)
    with (
        socket.create_server(("127.0.0.1", free_port)),
        pytest.raises(ConfigurationError, match=f"port {free_port}, .* another program's"),
    ):
        apache_kafka.start(tmp_path)


@pytest.mark.parametrize(("count", "copies", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_nodes_are_configured_for_what_they_are(
    tmp_path: Path, count: int, copies: str, in_sync: str
) -> None:
    write_properties(tmp_path, NODES[:count], Extra(listeners={"X": "SSL"}, properties={"a": "b"}))
    path = properties_of(tmp_path, count)
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert lines["default.replication.factor"] == copies
    assert lines["min.insync.replicas"] == in_sync
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["controller.quorum.voters"].count("@") == count
    assert "CONTROLLER" not in lines["advertised.listeners"]
    assert "X:SSL" in lines["listener.security.protocol.map"]
    assert lines["a"] == "b"
    assert path.stat().st_mode & 0o077 == 0


def test_an_unreadable_cluster_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"cluster\.json: not readable"):
        apache_kafka.running(tmp_path)
