import asyncio

import pytest
from typer.testing import CliRunner

from models.errors import ConfigurationError
from streams.cli.main import app
from streams.cli.processes import _until_all_gave_up, parse_stages
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.embedded.child import Event, Happening


def test_stages_come_in_the_order_of_the_flow() -> None:
    assert parse_stages(" sink,annotate, annotate") == ["annotate", "sink"]


@pytest.mark.parametrize("text", ["", ",", "desks"])
def test_other_stages_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--stages"):
        parse_stages(text)


@pytest.mark.processes
def test_a_worker_without_a_task_ends_with_78_and_says_why() -> None:
    said = CliRunner().invoke(app, ["worker", "--stages", "route"])
    assert said.exit_code == 78
    assert "TIDEGAUGE_TASKS" in said.stderr


async def test_a_stage_that_gave_up_ends_the_command_only_when_none_is_left() -> None:
    fate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    told: list[Event] = []
    tell = _until_all_gave_up(told.append, fate, 2)
    tell(Event(Happening.GAVE_UP, "annotate", 65, ("2026-11-21 06:00:00,1 ERROR tg 9 of 9",)))
    tell(Event(Happening.GAVE_UP, "annotate", 65))
    assert not fate.done()
    tell(
        Event(Happening.GAVE_UP, "judge", 65, ("2026-11-21 06:00:00,1 ERROR tidegauge all of it",))
    )
    with pytest.raises(TooManyDeadLetters, match=r"^all of it$"):
        fate.result()
    assert len(told) == 3
