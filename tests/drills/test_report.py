"""A drill ends with its table and its last line, whatever happened in it."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from models.errors import ConfigurationError, StoreUnavailable
from tests.drills import rounds
from tests.drills.__main__ import FAILED, MISUSED, STOPPED, _run
from tests.drills.oracle import Judgement, Oracle
from tests.drills.plan import Round
from tests.drills.report import as_json, show, totals, verdict
from tests.drills.rounds import Outcome, Run
from tests.drills.sender import Sender
from tests.drills.site import Site

GOOD = Judgement(
    sent=10, lost=0, double=0, repeated=2, commits=5, too_early=0, wrong=(), differing=1
)


def outcome(judgement: Judgement | None, problem: str = "") -> Outcome:
    return Outcome("a round", judgement, kills=1, recovery=1.0, seconds=2.0, problem=problem)


def shown(*outcomes: Outcome) -> str:
    console = Console(file=StringIO(), width=150)
    show([outcomes], console)
    return cast(StringIO, console.file).getvalue()


def test_a_round_that_was_not_judged_makes_what_it_would_say_unknown() -> None:
    drill = [outcome(GOOD), outcome(None, "the store is gone"), outcome(GOOD)]
    said = totals([drill])
    assert not said.good
    assert str(said) == "sent=10 kills=3 lost=unknown double_counted=unknown repeated_calls=2"
    assert verdict(drill[1]) == "2 s, not judged: the store is gone"
    table = shown(*drill)
    assert "not judged" in table
    assert "a round: the store is gone" in table
    assert '"lost": null' in as_json([drill])


def test_what_was_lost_after_any_round_stays_lost() -> None:
    lossy = Judgement(**{**GOOD.__dict__, "lost": 3, "wrong": ("lost: s1",)})
    said = totals([[outcome(lossy), outcome(GOOD)], [outcome(GOOD)]])
    assert (said.lost, said.double, said.sent, said.good) == (3, 0, 20, False)
    assert totals([[outcome(GOOD)], []]).good


class Quiet:
    """A place where nothing happens, and traffic that goes nowhere."""

    kills = 0
    settings = None
    stored = ()

    async def send(self, records: object, seconds: float) -> None:
        pass

    async def model(self, path: str) -> dict[str, Any]:
        return {"begun": 3, "failures": {"500": 1}}


class Judge:
    """Says what it is told to."""

    def __init__(self, said: Judgement | Exception) -> None:
        self.said = said

    async def read(self) -> None:
        pass

    def judge(self, sent: object, calls: int) -> Judgement:
        assert calls == 2
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


async def nothing_unread(settings: object) -> dict[str, int]:
    return {}


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "unread", nothing_unread)
    monkeypatch.setattr(rounds, "desk_idle", lambda *_: True)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("said", "good", "problem"),
    [
        (GOOD, True, ""),
        (StoreUnavailable("the store\nis damaged"), False, "the store is damaged"),
        (TimeoutError(), False, "TimeoutError"),
    ],
)
async def test_a_store_that_cannot_be_read_fails_the_round_and_no_more(
    said: Judgement | Exception, good: bool, problem: str
) -> None:
    place = Quiet()
    run = Run(cast(Site, place), cast(Sender, place), cast(Oracle, Judge(said)))
    ended = await run.round(Round("quiet", seconds=0, samples=0))
    assert (ended.good, ended.problem) == (good, problem)
    assert ended.judgement == (said if good else None)


@pytest.mark.usefixtures("_quiet")
async def test_a_mistake_of_the_drill_is_no_outcome() -> None:
    place = Quiet()
    judge = cast(Oracle, Judge(KeyError("s1")))
    run = Run(cast(Site, place), cast(Sender, place), judge)
    with pytest.raises(KeyError):
        await run.round(Round("quiet", seconds=0, samples=0))


async def fail(problem: Exception) -> None:
    raise problem


async def stop_by(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("work", "code", "line"),
    [
        (lambda: fail(ConfigurationError("no Java")), MISUSED, "no Java\n"),
        (lambda: fail(StoreUnavailable("gone")), FAILED, "the drill cannot go on: gone\n"),
        (lambda: stop_by(signal.SIGINT), STOPPED, "stopped before its end\n"),
        (lambda: stop_by(signal.SIGTERM), STOPPED, "stopped before its end\n"),
        (lambda: asyncio.sleep(0), 0, ""),
    ],
)
def test_what_ends_a_drill_is_one_line_and_a_code(work: Any, code: int, line: str) -> None:
    console = Console(file=StringIO(), width=150)
    begun: Coroutine[Any, Any, None] = work()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background
    try:
        assert _run(begun, console) == code
    finally:
        signal.signal(signal.SIGINT, before)
    assert cast(StringIO, console.file).getvalue() == line
