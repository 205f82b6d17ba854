"""kill -9 of each stage's process in the middle of 2,000 samples: nothing lost, nothing twice."""

from collections.abc import Callable
from typing import Any

import pytest

from streams.topics import STAGES

COUNT = 2000

pytestmark = pytest.mark.processes


async def test_every_stage_may_be_killed(
    rig: Any, make_samples: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await rig.send(make_samples(COUNT))
    killed = []
    for number, stage in enumerate(STAGES, start=1):
        target = COUNT * number // (len(STAGES) + 2)
        await rig.until(lambda: rig.count("results"), lambda n, t=target: n >= t)
        (process,) = await rig.until(
            lambda s=stage: rig.processes(s), lambda found: len(found) == 1
        )
        process.kill()
        killed.append(process.pid)
    books = await rig.settled(COUNT)

    assert len(set(killed)) == len(STAGES)
    assert books.samples_in == COUNT
    assert sum(books.states.values()) == COUNT
    assert books.states["accepted"] + books.states["awaiting_review"] == COUNT
    assert books.balanced
    assert rig.count("samples") == rig.count("results") == COUNT
    keys = rig.store.query("SELECT uniqExact(sample_key) AS n FROM results FINAL")
    assert keys[0]["n"] == COUNT
    watched = rig.store.query("SELECT state FROM snapshots FINAL WHERE slice = ''")
    assert len(watched) == 1

    counts = rig.model("/control/counts")
    calls = counts["annotate"] + counts["judge"]
    with capsys.disabled():
        repeated = calls - 2 * COUNT
        print(f"\nsent={COUNT} kills={len(killed)} lost=0 repeated_calls={repeated}", end=" ")
    assert calls >= 2 * COUNT
    assert calls - 2 * COUNT <= 2 * 64, "only calls in flight are repeated"
