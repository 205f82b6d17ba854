"""The shortest drills: workers killed on one broker, one of three brokers lost; and a proven judge.

All drills: `make drill-short`, `make drill`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigurationError
from streams.embedded.apache_kafka_jars import check_java, fetch_jars
from tests.drills.oracle import Judgement
from tests.drills.plan import Drill, Fault, Round, storm
from tests.drills.rounds import Outcome, Run, running
from tests.drills.site import jars_folder

pytestmark = [pytest.mark.kafka, pytest.mark.processes]

KILLS = Round("kills", 12, 150, tuple(storm(9, 1.5, seed=3)))
BROKER = Round("broker", 10, 100, (Fault(1, "lose_brokers", 4, {"nodes": (2,)}),))


@asynccontextmanager
async def drill_in(folder: Path, drill: Drill) -> AsyncIterator[Run]:
    try:
        check_java()
        fetch_jars(jars_folder(), lambda _: None)
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    async with running(folder, drill, []) as run:
        yield run


async def test_killed_workers_lose_nothing_and_the_judge_would_have_seen_it(tmp_path: Path) -> None:
    drill = Drill(nodes=1, rounds=(KILLS,))
    async with drill_in(tmp_path, drill) as run:
        outcome = await run.round(KILLS)
        assert _judged(outcome).wrong == ()
        assert _judged(outcome).good
        assert outcome.kills >= 4
        assert _judged(outcome).commits > 0
        await _sabotaged(run, _judged(outcome))


def _judged(outcome: Outcome) -> Judgement:
    assert outcome.judgement is not None, outcome.problem
    return outcome.judgement


async def _sabotaged(run: Run, good: Judgement) -> None:
    """A row taken away, one put in twice and a commit too early: each is found."""
    store = run.place.store

    async def judged() -> Judgement:
        return await asyncio.to_thread(run.oracle.judge, run.sender.stored, 0)

    found = await judged()
    assert replace(found, repeated=good.repeated) == good
    store.command(
        "INSERT INTO results SELECT * REPLACE (event_time + toIntervalMinute(1) AS event_time)"
        " FROM results WHERE id = 's3'"
    )
    found = await judged()
    assert (found.lost, found.double, found.good) == (0, 1, False)
    store.command("ALTER TABLE results DELETE WHERE id = 's3' SETTINGS mutations_sync = 1")
    found = await judged()
    assert (found.lost, found.double, found.too_early > 0) == (1, 0, True)
    assert any("s3" in line for line in found.wrong)


async def test_one_of_three_brokers_may_be_lost(tmp_path: Path) -> None:
    async with drill_in(tmp_path, Drill(nodes=3, rounds=(BROKER,), workers=1)) as run:
        outcome = await run.round(BROKER)
    assert _judged(outcome).wrong == ()
    assert _judged(outcome).good
    assert outcome.kills == 1
