"""How a worker's process ends: in its time, and with a code that says whether to start it again."""

import signal
import subprocess
import sys
import time

import pytest

from models.errors import ConfigurationError, StoreUnavailable, TidegaugeError
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.process.watchdog import Stalled
from streams.worker import exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("wrong"), 78),
        (StoreUnavailable("away"), 69),
        (Stalled("hangs"), 75),
        (TooManyDeadLetters("bad"), 65),
        (TidegaugeError("else"), 1),
        (ValueError("a bug"), 1),
    ],
)
def test_the_code_says_what_to_do(error: Exception, code: int) -> None:
    assert exit_code(error) == code


STAGE = """
import asyncio, sys, threading
from streams import worker
from streams.delivery.dead_letter_limit import TooManyDeadLetters

hang, crash = "hang" in sys.argv, "crash" in sys.argv

async def start(settings, stack):
    async def stop():
        if hang:
            threading.Thread(target=threading.Event().wait).start()
            await asyncio.Event().wait()
    stack.push_async_callback(stop)
    async def work():
        print("ready", flush=True)
        if crash:
            raise TooManyDeadLetters("all of it")
        await asyncio.Event().wait()
    return [work()]

worker.starter = lambda stage: start
sys.argv = ["worker", "route"]
sys.exit(worker.main())
"""


def stage(monkeypatch: pytest.MonkeyPatch, *how: str) -> subprocess.Popen[str]:
    monkeypatch.setenv("TIDEGAUGE_DELIVERY__STOP_SECONDS", "1")
    return subprocess.Popen(
        [sys.executable, "-c", STAGE, *how],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], told: bool = True) -> tuple[int, str, float]:
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    if told:
        process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    return process.returncode, said, time.monotonic() - began


@pytest.mark.processes
def test_a_stop_that_hangs_ends_in_its_time_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said, seconds = ended(stage(monkeypatch, "hang"))
    assert code == 1
    assert said.count("\n") == 1
    assert "not stopped within 1 s" in said
    assert 0.9 < seconds < 5


@pytest.mark.processes
def test_a_stop_that_does_not_hang_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said, _ = ended(stage(monkeypatch))
    assert (code, said) == (0, "")


@pytest.mark.processes
@pytest.mark.parametrize("hang", ["", "hang"])
def test_the_code_of_a_crash_survives_a_stop_that_hangs(
    monkeypatch: pytest.MonkeyPatch, hang: str
) -> None:
    code, said, _ = ended(stage(monkeypatch, "crash", hang), told=False)
    assert code == 65
    assert ("all of it" in said) or hang
