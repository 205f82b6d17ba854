import pytest
from typer.testing import CliRunner

from models.errors import ConfigurationError
from streams.cli.main import app
from streams.cli.processes import parse_stages


def test_stages_come_in_the_order_of_the_flow() -> None:
    assert parse_stages(" sink,annotate, annotate") == ["annotate", "sink"]


@pytest.mark.parametrize("text", ["", ",", "desk"])
def test_other_stages_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--stages"):
        parse_stages(text)


@pytest.mark.processes
def test_a_worker_without_a_task_ends_with_78_and_says_why() -> None:
    said = CliRunner().invoke(app, ["worker", "--stages", "route"])
    assert said.exit_code == 78
    assert "TIDEGAUGE_TASKS" in said.stderr
