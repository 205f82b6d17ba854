"""The desk in a whole instance: from a sample to a reviewed one, also while others stand still."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from models.desk import Given, NewAccount, Wanted
from models.errors import Unavailable
from streams.cli.reviewers import queue_here
from streams.desk import queue
from streams.desk.client import DeskClient
from streams.embedded.parts import child_environment
from streams.topics import STAGES

COUNT = 200
SAYS_SPAM = Given(answer="label", labels=("spam",), seconds=3.0)

pytestmark = pytest.mark.processes


@contextmanager
def reviewer(rig: Any, name: str = "ann") -> Iterator[DeskClient]:
    with queue_here(rig.settings) as desk:
        made = queue.add_account(desk, "test", NewAccount(name=name), False, datetime.now(UTC))
    with DeskClient(rig.settings.desk_url, made.token) as client:
        yield client


@contextmanager
def standing_still(rig: Any, module: str) -> Iterator[None]:
    """A part of the instance that does not answer, and then does again."""
    (process,) = [
        child
        for child in psutil.Process().children(recursive=True)
        if _is_of(child.cmdline(), module, str(rig.settings.data))
    ]
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _is_of(argv: list[str], module: str, folder: str) -> bool:
    """Whether it is this instance's: other tests may have such a process too."""
    return module in argv and "-S" not in argv and any(folder in word for word in argv)


def in_hand(client: DeskClient) -> str:
    """The lease of the next item, once the desk answers and has one."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if loans := client.next(Wanted()):
                return loans[0].lease
        except Unavailable:
            pass
        time.sleep(0.2)
    raise AssertionError("nothing to review")


def reviewed(rig: Any, count: int) -> Callable[[], bool]:
    return lambda: rig.ledger().states["reviewed"] >= count


async def test_a_decision_reaches_the_store_whatever_stands_still_meanwhile(
    rig: Any, make_samples: Callable[..., Any]
) -> None:
    await rig.send(make_samples(COUNT))
    await rig.settled(COUNT)
    with reviewer(rig) as ann:
        lease = await asyncio.to_thread(in_hand, ann)
        await asyncio.to_thread(ann.decide, lease, SAYS_SPAM)
        await rig.until(reviewed(rig, 1), bool, 30)
        rows = rig.store.query("SELECT reviewer, labels, propensity FROM decisions FINAL")
        assert [(row["reviewer"], list(row["labels"])) for row in rows] == [("ann", ["spam"])]
        assert rows[0]["propensity"] > 0

        for module in ("streams.embedded.clickhouse", "streams.embedded.broker"):
            with standing_still(rig, module):
                for _ in range(3):
                    lease = await asyncio.to_thread(in_hand, ann)
                    await asyncio.to_thread(ann.decide, lease, SAYS_SPAM)
        await rig.until(reviewed(rig, 7), bool, 60)
        assert ann.me().answered_today == 7
    books = rig.ledger()
    assert books.balanced
    assert books.states["reviewed"] == 7


async def test_every_stage_beats_the_desk_among_them_and_none_holds_pandas(rig: Any) -> None:
    sql = "SELECT DISTINCT stage, slot FROM stage_health ORDER BY stage"
    beating = await rig.until(lambda: rig.store.query(sql), lambda rows: len(rows) >= len(STAGES))
    assert [row["stage"] for row in beating] == sorted(STAGES)
    for stage in STAGES:
        (process,) = rig.processes(stage)
        assert not [part.path for part in process.memory_maps() if "/pandas/" in part.path]


def test_alone_it_says_where_it_listens_and_stops_when_asked(
    rig_environment: dict[str, str],
) -> None:
    argv = [sys.executable, "-m", "streams.cli.main", "desk"]
    with subprocess.Popen(
        argv, env=rig_environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as desk:
        assert desk.stderr
        lines = iter(desk.stderr.readline, "")
        said = next(line for line in lines if "the review desk listens at" in line)
        with DeskClient(said.split()[-1]) as client:
            assert client.health()
        desk.send_signal(signal.SIGINT)
        rest = desk.stderr.read()
        assert desk.wait(30) == 0, rest
    assert "Traceback" not in rest


@pytest.fixture
def rig_environment(rig: Any) -> dict[str, str]:
    """What a second desk of that instance runs with, elsewhere."""
    elsewhere = rig.settings.desk.model_copy(update={"port": 0, "url": ""})
    settings = rig.settings.model_copy(update={"slot": "9", "desk": elsewhere})
    return child_environment(settings) | {"COLUMNS": "200"}
