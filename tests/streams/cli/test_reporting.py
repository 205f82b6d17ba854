from datetime import timedelta

import pytest
from typer.testing import CliRunner

from models.errors import ConfigurationError
from streams.cli.main import app
from streams.cli.reporting import parse_span


@pytest.mark.parametrize(
    ("text", "span"),
    [("30m", timedelta(minutes=30)), ("24h", timedelta(days=1)), ("7d", timedelta(days=7))],
)
def test_spans(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "0h", "1w", "-1h", "1.5h", "99999999d"])
def test_other_spans_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="30m, 24h or 7d"):
        parse_span(text)


def test_a_store_that_is_not_there_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", f"http://127.0.0.1:{free_port}")
    said = CliRunner().invoke(app, ["report"])
    assert said.exit_code == 69
    assert "does not answer" in said.stderr
