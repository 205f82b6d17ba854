import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streams.cli import terminal


@given(st.text(max_size=400))
def test_nothing_shown_can_act_on_a_terminal(text: str) -> None:
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(terminal.shown(text))
    assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e", "\x00"} & set(console.export_text())


def test_markup_in_a_sample_stays_text() -> None:
    assert terminal.shown("[bold red]x[/] [link=http://e]y[/link]").plain.startswith("[bold red]")


def test_an_error_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.fail("file:3: name: [red]bad\x1b[0m\nsecond")
    said = capsys.readouterr().err
    assert said.startswith("tidegauge: file:3: name: [red]bad\\x1b[0m\nsecond")


def test_json_is_ascii(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo_json({"text": "\u202ex"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"text": "\u202ex"}
    terminal.write_json(tmp_path / "new" / "a.json", {"n": 1})
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {"n": 1}


def test_no_number_without_its_n() -> None:
    assert terminal.interval({"value": None, "n": 0}) == "– (n = 0)"
