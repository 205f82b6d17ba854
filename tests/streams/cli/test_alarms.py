from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from models.drift import Summary
from models.errors import ConfigurationError
from streams.cli.alarms import one_alarm
from streams.cli.main import app
from streams.cli.summary import alarm_facts, alarms_text
from streams.cli.terminal import out
from streams.store.figures.alarms import AlarmFigure

RUN = CliRunner()
AT = datetime(2026, 1, 1, tzinfo=UTC)


def alarm(alarm_id: str, **other: object) -> AlarmFigure:
    cells: dict[str, object] = {
        "alarm_id": alarm_id,
        "task": "t",
        "slice": "",
        "signal": "label_mix",
        "detector": "d",
        "state": "open",
        "direction": "mix",
        "raised": AT,
        "at": AT,
        "since": None,
        "before": Summary(n=150, mix={"ham": 0.8, "spam": 0.2}),
        "after": Summary(n=77, mix={"ham": 0.5, "spam": 0.5}),
        "evidence": 5.0,
        "threshold": 4.0,
        "examples": (),
        "by": "",
        "note": "",
    }
    return AlarmFigure(**cells | other)  # type: ignore[arg-type]


def test_the_first_digits_are_enough_while_they_fit_one() -> None:
    found = [alarm("ab12"), alarm("ab34")]
    assert one_alarm(found, "ab3").alarm_id == "ab34"
    for wanted in ("ab", "x", ""):
        with pytest.raises(ConfigurationError, match="fits"):
            one_alarm(found, wanted)


def test_an_alarm_says_what_moved(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = alarm(
        "cd56",
        slice="channel=[red]\x1b[2J",
        before=Summary(n=9, mean=0.9, low=0.8),
        after=Summary(n=8, mean=0.4),
        signal="confidence",
        direction="down",
    )
    text = alarms_text([alarm_facts(one) for one in (alarm("ab12"), hostile)])
    assert text is not None
    monkeypatch.setenv("COLUMNS", "200")
    out().print(text)
    said = capsys.readouterr().out
    assert "ham 80% → 50%" in said
    assert "0.90 → 0.40 (n 9, 8)" in said
    assert r"channel=[red]\x1b[2J" in said


@pytest.mark.parametrize("arguments", [[], ["ab", "--task", "t"]])
def test_rebaseline_takes_an_alarm_or_a_task(arguments: list[str]) -> None:
    said = RUN.invoke(app, ["alarms", "rebaseline", *arguments])
    assert said.exit_code == 78
    assert "name an alarm, or --task" in said.stderr
