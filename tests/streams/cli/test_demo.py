import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.demo import demo_files, write_key
from streams.cli.main import app
from streams.stages.simulate_reviewers import read_key


def test_the_demos_references_are_its_reviewers_key(tmp_path: Path) -> None:
    _, traffic = demo_files()
    samples = len(traffic.read_text("utf-8").splitlines())
    assert len(read_key(write_key(traffic, tmp_path / "key.jsonl"))) == samples


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_the_demo_runs_to_its_end_and_finds_the_shift_twice_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGAUGE_DATA", str(tmp_path / "data"))
    samples = len(demo_files()[1].read_text("utf-8").splitlines())
    out = tmp_path / "demo.json"
    for _ in range(2):
        out.unlink(missing_ok=True)
        arguments = ["--exit", "--json", str(out), "--model", "scripted", "--no-dashboard"]
        said = CliRunner().invoke(app, ["demo", *arguments])
        assert said.exit_code == 0, said.output
        facts = json.loads(out.read_text())
        assert facts["samples_in"] == sum(facts["ledger"].values()) == samples
        assert not facts["ledger"]["in_flight"]
        assert not facts["ledger"]["awaiting_review"]
        assert facts["rows"]["samples"] == facts["rows"]["results"] == samples
        assert facts["accuracy"]["n"] == samples
        assert facts["accuracy"]["low"] < facts["accuracy"]["value"] < facts["accuracy"]["high"]
        assert facts["alarms"], said.output
        assert {"signal", "slice", "at"} <= set(facts["alarms"][0])
        assert facts["model"] == "scripted"
        assert facts["seconds"]["total"] > 0
        assert "the shift was found" in said.stdout
