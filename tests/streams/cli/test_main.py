import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from models.errors import BrokerUnavailable, ConfigurationError, TidegaugeError
from streams.cli import main
from streams.cli.main import COMMANDS, Command, app, loaded

RUN = CliRunner()


def test_help_lists_every_command() -> None:
    said = RUN.invoke(app, ["--help"])
    assert said.exit_code == 0
    assert all(command.name in said.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_loads_and_gives_an_example(command: Command) -> None:
    found = loaded(command)
    parts = getattr(found, "commands", {command.name: found})
    for name, part in parts.items():
        assert part.help, name
        assert f"Example: tidegauge {command.name}" in part.help or "tidegauge" in part.help
        assert "Example: " in part.help, name


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("f.yaml:3: name: this field is needed"), 78),
        (BrokerUnavailable("Kafka at x:1 does not answer"), 69),
        (TidegaugeError("nothing was sent"), 1),
    ],
)
def test_an_error_is_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: TidegaugeError, code: int
) -> None:
    def fails() -> None:
        raise error

    _pretend(monkeypatch, fails)
    said = RUN.invoke(app, ["doctor"])
    assert said.exit_code == code
    assert said.stderr == f"tidegauge: {error}\n"
    assert not said.stdout


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    _pretend(monkeypatch, interrupted)
    said = RUN.invoke(app, ["doctor"])
    assert said.exit_code == 130
    assert not said.output.strip()


def _pretend(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    single = typer.Typer()
    single.command()(function)  # type: ignore[type-var]
    monkeypatch.setattr(main, "loaded", lambda command: typer.main.get_command(single))


def test_an_unknown_command_is_wrong_usage() -> None:
    said = RUN.invoke(app, ["nonsense"])
    assert said.exit_code == 2
    assert "No such command" in said.stderr


def test_help_needs_no_heavy_library() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from streams.cli.main import app; "
        "CliRunner().invoke(app, ['--help']); "
        "sys.exit(bool({'pandas', 'scipy', 'openai', 'aiokafka', 'faust'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
