"""A whole instance on a real Apache Kafka, over TLS with a password: samples in = states."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.settings import Kafka, Settings, read_run_file
from streams.cli.main import app
from streams.embedded.apache_kafka import Cluster
from streams.embedded.parts import child_environment
from tests.kafka_here import PASSWORD, USER, new_prefix

COUNT = 300

pytestmark = [pytest.mark.kafka, pytest.mark.processes, pytest.mark.timeout(300)]

StartRig = Callable[..., AbstractAsyncContextManager[Any]]


def secured(cluster: Cluster) -> Kafka:
    security = {
        "protocol": "SASL_SSL",
        "mechanism": "SCRAM-SHA-512",
        "username": USER,
        "password": PASSWORD,
        "ca_file": cluster.folder / "certs" / "ca.pem",
    }
    where = cluster.listening("SCRAM")
    return Kafka(bootstrap=where, prefix=new_prefix(), start="earliest", security=security)


async def test_an_instance_on_a_secured_kafka_and_again(
    kafka_here: Cluster,
    start_rig: StartRig,
    make_samples: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka = secured(kafka_here)
    async with start_rig(tmp_path, kafka=kafka) as rig:
        await rig.send(make_samples(COUNT))
        books = await rig.settled(COUNT)
        assert books.samples_in == sum(books.states.values()) == COUNT
        assert books.balanced
        no_secret_is_written(rig.settings)
        await a_worker_that_may_not_in_says_so(rig.settings)
        await a_command_elsewhere_needs_the_password(rig.settings, monkeypatch)

    async with start_rig(tmp_path, kafka=kafka) as rig:
        assert rig.ledger().samples_in == COUNT
        await rig.send(make_samples(50, COUNT))
        books = await rig.settled(COUNT + 50)
        assert books.samples_in == sum(books.states.values()) == COUNT + 50
        assert not books.repeats.get("samples"), "nothing is read twice after a restart"
        calls = rig.model("/control/counts")
        assert calls["annotate"] == 50, "and nothing paid for twice"


def no_secret_is_written(settings: Settings) -> None:
    assert read_run_file(settings.data)["settings"]["kafka"]["security"]["username"] == USER
    for path in (settings.data / "run.json", *(settings.data / "logs").iterdir()):
        assert PASSWORD not in path.read_text(), path


async def a_worker_that_may_not_in_says_so(settings: Settings) -> None:
    wrong = {"TIDEGAUGE_KAFKA__SECURITY__PASSWORD": "guess"}
    code, said = await worker(settings, wrong)
    assert (code, said.count("refuses the user 'alice' or its password")) == (78, 1)
    code, said = await worker(settings, {"TIDEGAUGE_KAFKA__PREFIX": "nobody"})
    assert code == 78
    assert "topic 'nobody.samples' and 9 more is not on Kafka at" in said.splitlines()[-1]
    assert "run `tidegauge migrate`" in said.splitlines()[-1]


async def worker(settings: Settings, change: dict[str, str]) -> tuple[int, str]:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "streams.worker", "route"],
        env=child_environment(settings) | change,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stderr


async def a_command_elsewhere_needs_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another shell finds all addresses in the run file; the password it must bring itself."""
    monkeypatch.setenv("TIDEGAUGE_DATA", str(settings.data))
    monkeypatch.setenv("COLUMNS", "300")
    line = settings.data / "one.jsonl"
    line.write_text(json.dumps({"id": "0", "text": "message number 0"}) + "\n")
    run = CliRunner()
    looked = await asyncio.to_thread(run.invoke, app, ["doctor"])
    assert looked.exit_code == 1
    assert "SECURITY__PASSWORD is not set" in looked.stdout
    sent = await asyncio.to_thread(run.invoke, app, ["send", str(line)])
    assert sent.exit_code == 78
    assert "SECURITY__PASSWORD is not set" in sent.stderr
    monkeypatch.setenv("TIDEGAUGE_KAFKA__SECURITY__PASSWORD", PASSWORD)
    looked = await asyncio.to_thread(run.invoke, app, ["doctor"])
    assert looked.exit_code == 0, looked.stdout
    assert "with 4 partitions" in looked.stdout
