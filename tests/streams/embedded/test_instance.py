"""A whole instance, as the commands start it: real processes, the scripted model."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from models.settings import RUN_FILE, load_settings, read_run_file
from streams.cli.main import app
from streams.cli.summary import whole
from streams.store.client import connect_sync
from streams.store.figures.ledger import Ledger, ledger

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]
RUN = CliRunner()
READY_SECONDS = 90

TASK = """
name: t
kind: classification
instructions: Label the message.
labels: [{name: ham}, {name: spam}]
judge: {kind: rubric}
spend: {unpriced: allow}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task, a key and labelled traffic; settings point at a data folder beside them."""
    (tmp_path / "task.yaml").write_text(TASK)
    lines = [
        {"id": n, "text": f"message {n}", "label": "spam" if n % 5 == 0 else "ham"}
        for n in range(40)
    ]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    monkeypatch.setenv("TIDEGAUGE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def arguments(folder: Path) -> list[str]:
    key = str(folder / "in.jsonl")
    return ["--task", str(folder / "task.yaml"), "--model", "scripted", "--key", key]


@contextmanager
def up(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """`tidegauge up` as a process of its own, ready."""
    program = [sys.executable, "-m", "streams.cli.main", "up", "--no-dashboard"]
    output = folder / "up.out"
    with (
        output.open("w") as file,
        subprocess.Popen(
            [*program, *arguments(folder)], stdout=file, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            until(lambda: bool(read_run_file(folder / "data")), process, output)
            yield process
        finally:
            process.kill()


def until(good: Any, process: "subprocess.Popen[str]", output: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not good():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.1)


def books() -> Ledger:
    store = connect_sync(load_settings().clickhouse)
    try:
        return ledger(store, whole("t"))
    finally:
        store.close()


def named(process: "subprocess.Popen[str]", words: str) -> psutil.Process:
    children = psutil.Process(process.pid).children(recursive=True)
    [found] = [child for child in children if words in " ".join(child.cmdline())]
    return found


def test_up_serves_other_commands_and_leaves_nothing_behind(folder: Path) -> None:
    with up(folder) as process:
        content = read_run_file(folder / "data")
        assert content["pid"] == process.pid
        for name in ("kafka", "clickhouse", "model", "metrics"):
            assert "127.0.0.1:" in content[name]
        assert content["tasks"]["t"]["file"] == str(folder / "task.yaml")

        again = RUN.invoke(app, ["up", *arguments(folder)])
        assert again.exit_code == 78
        assert f"already running in {folder / 'data'} (process {process.pid})" in again.stderr

        sent = RUN.invoke(app, ["send", str(folder / "in.jsonl"), "--reference", "label"])
        assert (sent.exit_code, sent.stdout) == (0, "40 samples sent\n")
        until(
            lambda: books().samples_in == 40 and not books().in_flight, process, folder / "up.out"
        )
        report = RUN.invoke(app, ["report", "--json"])
        facts = json.loads(report.stdout)
        assert facts["samples_in"] == 40
        assert sum(facts["ledger"].values()) == 40
        assert facts["accuracy"]["n"] == 40
        assert "accuracy by references" in RUN.invoke(app, ["report"]).stdout
        assert RUN.invoke(app, ["doctor"]).exit_code == 0
        assert "nothing to do" in RUN.invoke(app, ["migrate"]).stdout
        with urllib.request.urlopen(content["metrics"], timeout=10) as page:
            assert b"tidegauge_" in page.read()

        through = RUN.invoke(app, evaluation(folder, "--limit", "10"))
        assert f"through the running instance (process {process.pid})" in through.stderr
        assert json.loads((folder / "out.json").read_text())["n"] == 10
        assert books().samples_in == 40, "an evaluation touches no live figure"

        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not psutil.wait_procs(children, 5)[1]
    assert not (folder / "data" / RUN_FILE).exists()


def evaluation(folder: Path, *more: str) -> list[str]:
    out = str(folder / "out.json")
    task = str(folder / "task.yaml")
    file = str(folder / "in.jsonl")
    return ["evaluate", file, "--task", task, "--reference", "label", "--json", out, *more]


def test_a_dead_stage_is_named_and_restarted_and_a_dead_broker_starts_all_anew(
    folder: Path,
) -> None:
    with up(folder) as process:
        output = folder / "up.out"
        first = read_run_file(folder / "data")
        named(process, "streams.worker judge").kill()
        until(lambda: "judge died (exit code -9)" in output.read_text(), process, output)
        assert RUN.invoke(app, ["pause", "t"]).exit_code == 0
        time.sleep(3)  # a pause takes effect within seconds, and says so nowhere
        assert RUN.invoke(app, ["send", str(folder / "in.jsonl")]).exit_code == 0
        until(lambda: books().samples_in == 40, process, output)
        assert books().in_flight == 40
        named(process, "streams.embedded.broker").kill()
        until(
            lambda: read_run_file(folder / "data").get("kafka", first["kafka"]) != first["kafka"],
            process,
            output,
        )
        second = read_run_file(folder / "data")
        said = output.read_text()
        assert "broker died (exit code -9)" in said
        assert "40 samples were still on their way" in said
        number = first["settings"]["kafka"]["incarnation"]
        assert second["settings"]["kafka"]["incarnation"] > number
        assert books().states["dead_lettered"] == 40, "nothing is lost silently"

        assert RUN.invoke(app, ["resume", "t"]).exit_code == 0
        assert "BrokerEnded" in RUN.invoke(app, ["dead-letters", "list"]).stdout
        replay = RUN.invoke(app, ["dead-letters", "replay", "--all"])
        assert replay.stdout == "40 of 40 letters sent again\n"
        until(lambda: not books().states["dead_lettered"], process, output)
        assert (books().samples_in, books().in_flight) == (40, 0)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 0


def test_evaluate_starts_an_instance_of_its_own_and_keeps_the_results(folder: Path) -> None:
    said = RUN.invoke(
        app, evaluation(folder, "--model", "scripted", "--key", str(folder / "in.jsonl"))
    )
    assert said.exit_code == 0, said.output
    facts = json.loads((folder / "out.json").read_text())
    assert facts["n"] == 40
    assert sum(facts["ledger"].values()) == 40
    assert not facts["ledger"]["in_flight"]
    assert facts["accuracy"].keys() >= {"value", "low", "high", "n"}
    assert set(facts["auc"]) == {"confidence", "judge"}
    assert facts["majority_baseline"] == 0.8
    assert facts["seconds"] > 0
    assert facts["alarms"] == []
    assert (folder / "data" / "store").is_dir()


def test_a_wrong_task_starts_nothing(folder: Path) -> None:
    (folder / "task.yaml").write_text("name: t\nkind: classification\n")
    said = RUN.invoke(app, ["up", *arguments(folder)])
    assert said.exit_code == 78
    assert "task.yaml:1: instructions: this field is needed" in said.stderr
    assert not (folder / "data" / "logs").exists()


def test_a_model_without_a_price_is_refused_before_anything_starts(folder: Path) -> None:
    (folder / "task.yaml").write_text(TASK.replace("spend: {unpriced: allow}", ""))
    said = RUN.invoke(app, ["up", *arguments(folder)])
    assert said.exit_code == 78
    assert "annotator.price" in said.stderr
    assert not (folder / "data" / "logs").exists()
