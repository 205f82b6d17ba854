"""What counts as a stall, and that both hangs end: of the work, and of the event loop."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from streams import exit_codes
from streams.process.vitals import Vitals
from streams.process.watchdog import Look, Stalled, still_since, watched


def look(at: float, progressed: float = 0, waited: float = 0, unfinished: int | None = 5) -> Look:
    return Look(at, progressed, waited, unfinished)


def test_standing_still_begins_with_the_last_thing_that_happened() -> None:
    assert still_since(10, look(100)) == 10
    assert still_since(10, look(100, progressed=60)) == 60
    assert still_since(10, look(100, waited=70, progressed=60)) == 70


@pytest.mark.parametrize("unfinished", [0, None])
def test_nothing_to_do_and_not_knowing_are_no_stall(unfinished: int | None) -> None:
    assert still_since(10, look(100, unfinished=unfinished)) == 100


async def hang(vitals: Vitals, unfinished: int, seconds: float) -> None:
    async def left() -> int:
        return unfinished

    async with asyncio.timeout(seconds):
        await watched(vitals, left, 0.1)


async def test_work_that_does_not_move_ends_with_a_message() -> None:
    with pytest.raises(Stalled, match="annotate: 3 records are unfinished and none moved"):
        await hang(Vitals("annotate", "0"), 3, 10)


async def test_an_idle_stage_is_left_alone() -> None:
    with pytest.raises(TimeoutError):
        await hang(Vitals("annotate", "0"), 0, 0.5)


async def going_on(act: Callable[[], None]) -> None:
    while True:
        act()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("why", ["progress", "a wait"])
async def test_progress_and_a_known_wait_are_no_stall(why: str) -> None:
    vitals = Vitals("annotate", "0")

    def act() -> None:
        if why == "progress":
            vitals.progressed_at = time.monotonic()
        else:
            vitals.waits("the model is down", time.monotonic())

    moving = asyncio.create_task(going_on(act))
    with pytest.raises(TimeoutError):
        await hang(vitals, 3, 0.6)
    moving.cancel()


async def test_a_broker_that_does_not_answer_is_no_stall() -> None:
    async def unknown() -> int:
        raise ConnectionError("away")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await watched(Vitals("annotate", "0"), unknown, 0.1)


HUNG = """
import asyncio, time
from streams.process.ending import end_now
from streams.process.watchdog import LoopWatch

async def main():
    watch = asyncio.create_task(LoopWatch(1, end_now).beat())
    await asyncio.sleep(0)
    time.sleep(60)

asyncio.run(main())
"""


@pytest.mark.processes
def test_an_event_loop_that_hangs_ends_the_process_and_shows_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == exit_codes.STALLED
    assert "the event loop has not turned" in done.stderr
    assert "in main" in done.stderr
