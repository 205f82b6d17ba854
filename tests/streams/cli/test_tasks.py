from pathlib import Path

from typer.testing import CliRunner

from streams.cli.main import app

RUN = CliRunner()
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_a_task_in_order_is_described(tmp_path: Path) -> None:
    said = RUN.invoke(app, ["task", "check", str(EXAMPLES / "sms_spam.yaml")])
    assert said.exit_code == 0
    assert "sms_spam is in order" in said.stdout
    assert "ham, spam" in said.stdout


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "name: t\nkind: classification\ninstruction: x\nlabels: [{name: a}, {nam: b}]\n"
    )
    said = RUN.invoke(app, ["task", "check", str(path)])
    assert said.exit_code == 78
    assert "t.yaml:3: instruction" in said.stderr
    assert "instructions: this field is needed" in said.stderr
    assert "Traceback" not in said.output


def test_a_missing_file_is_said_plainly() -> None:
    said = RUN.invoke(app, ["task", "check", "none.yaml"])
    assert said.exit_code == 78
    assert "none.yaml: cannot be read" in said.stderr
