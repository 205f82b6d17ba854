import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import ConfigurationError
from models.settings import Settings
from streams.cli.main import app
from streams.cli.trying import served_task

TASK = """
name: {name}
kind: classification
instructions: Label the message.
labels: [{{name: ham}}, {{name: spam}}]
judge: {{kind: rubric}}
spend: {{unpriced: allow}}
"""


def write_task(folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(TASK.format(name=name))
    return path


def test_the_served_task_is_the_default_or_the_only_one(tmp_path: Path) -> None:
    one, two = write_task(tmp_path, "one"), write_task(tmp_path, "two")
    assert served_task(Settings(tasks=(one,)))[1].name == "one"
    assert served_task(Settings(tasks=(one, two), default_task="two"))[0] == two
    for settings in (Settings(), Settings(tasks=(one, two))):
        with pytest.raises(ConfigurationError, match="which task"):
            served_task(settings)


@pytest.mark.processes
def test_everything_is_shown_and_nothing_in_the_text_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "win [red]now[/red]\x1b[2J"
    key = tmp_path / "key.jsonl"
    key.write_text(json.dumps({"text": text, "label": "spam"}) + "\n")
    monkeypatch.setenv("COLUMNS", "200")
    arguments = ["--task", str(write_task(tmp_path, "t")), "--model", "scripted", "--key", str(key)]
    said = CliRunner().invoke(app, ["try", text, *arguments])
    assert said.exit_code == 0, said.output
    for word in ("Asked of the annotator", "Asked of the judge", "Annotation", "Verdict", "Route"):
        assert word in said.stdout
    assert "π (chance of review)" in said.stdout
    assert "win [red]now[/red]" in said.stdout
    assert "\x1b" not in said.stdout
    facts = json.loads(CliRunner().invoke(app, ["try", text, *arguments, "--json"]).stdout)
    assert facts["annotation"]["labels"] == ["spam"]
    assert facts["sample"]["text"] == text
    assert not (tmp_path / "instance" / "store").exists()


def test_an_endpoint_that_does_not_answer_is_unavailable(tmp_path: Path, free_port: int) -> None:
    model = f"http://127.0.0.1:{free_port}/v1"
    path = str(write_task(tmp_path, "t"))
    said = CliRunner().invoke(app, ["try", "hello", "--task", path, "--model", model])
    assert said.exit_code == 69
    assert "cannot be reached" in said.stderr
