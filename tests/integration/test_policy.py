"""From decisions to a policy in force: fitted, used and given up again while samples flow."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.record import Version
from models.review import Outcome
from models.sample import Source
from streams.cli.main import app
from streams.delivery.kafka import new_producer
from streams.topics import Topics
from tests.integration.conftest import LABELLING, TASK, Parts, Rig, rig_in, samples

pytestmark = pytest.mark.processes

RUN = CliRunner()

WATCHED = TASK.replace("{budget: 0.2, audit: 0.05}", "{budget: 1.0, audit: 0.5}")
"""Enough is asked of people to fit on."""


def right(text: str) -> str:
    """What the scripted model's key says."""
    return "spam" if int(text.rpartition(" ")[2]) % 7 == 0 else "ham"


def outcome(number: int, row: dict[str, Any]) -> Outcome:
    return Outcome(
        result_id=row["result_id"],
        sample_key=row["sample_key"],
        source=Source(topic="samples", partition=0, offset=number, at=row["at"]),
        task=Version(name=row["name"], hash=row["hash"]),
        lane=row["lane"],
        propensity=row["propensity"],
        audit=row["audit"],
        state="reviewed",
        labels=(right(row["text"]),),
        answers=1,
        at=datetime.now(UTC),
    )


async def decided(rig: Rig) -> int:
    """People decide on everything that is asked; how much that is."""
    rows = rig.store.query(
        """SELECT r.result_id AS result_id, r.sample_key AS sample_key, r.event_time AS at,
                  r.propensity AS propensity, r.audit AS audit, toString(r.lane) AS lane,
                  r.task_version AS name, r.task_hash AS hash, s.text AS text
           FROM results AS r FINAL INNER JOIN samples AS s FINAL ON s.sample_key = r.sample_key
           WHERE r.lane != ''"""
    )
    outcomes = [outcome(number, row) for number, row in enumerate(rows)]
    topic = Topics.of(rig.settings.kafka).decisions
    producer = new_producer(rig.settings)
    await producer.start()
    try:
        stored = [
            await producer.send(topic, each.encode(), partition=each.source.offset % 4)
            for each in outcomes
        ]
        await asyncio.gather(*stored)
    finally:
        await producer.stop()
    await rig.until(lambda: rig.count("outcomes"), lambda n: n == len(rows))
    return len(rows)


def versions(rig: Rig, first: int, last: int) -> dict[str, set[str]]:
    """Which policies and annotators made the results of these samples."""
    rows = rig.store.query(
        """SELECT toString(policy) AS policy, toString(annotator) AS annotator FROM results FINAL
           WHERE toUInt32(id) >= {first:UInt32} AND toUInt32(id) < {last:UInt32}""",
        {"first": first, "last": last},
    )
    return {name: {row[name] for row in rows} for name in ("policy", "annotator")}


async def policy(*arguments: str) -> str:
    found = await asyncio.to_thread(RUN.invoke, app, ["policy", *arguments])
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def reach(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this test find the instance."""
    monkeypatch.setenv("TIDEGAUGE_DATA", str(rig.settings.data))


async def test_a_policy_is_fitted_used_kept_over_a_restart_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig_in(tmp_path, WATCHED, parts=Parts(LABELLING)) as rig:
        reach(rig, monkeypatch)
        rig.model("/control", {"accuracy": 0.8, "sureness": 2.0})
        refused = await asyncio.to_thread(RUN.invoke, app, ["policy", "fit", "t"])
        assert refused.exit_code == 1
        assert "0 reviewed samples" in refused.output

        await rig.send(samples(400))
        await rig.settled(400)
        assert versions(rig, 0, 400) == {"policy": {"t/1"}, "annotator": {"annotator"}}
        assert await decided(rig) > 150

        assert "nothing was kept" in await policy("fit", "t", "--dry-run")
        said = await policy("fit", "t", "--note", "first decisions")
        assert "tidegauge policy use t 2 puts it in force" in said
        shown = json.loads(
            (await asyncio.to_thread(RUN.invoke, app, ["policy", "show", "t", "--json"])).output
        )
        assert [line["in_force"] for line in shown] == [True, False]
        body = shown[1]["policy"]
        assert body["fitted_on"]["simulated"] == 0
        assert body["fitted_on"]["n"] > 150
        assert 0 < len(body["corrections"]) <= 8
        for correction in body["corrections"]:
            assert correction["labels"] == [right(correction["text"])]

        await policy("use", "t", "2")
        await until_used(rig, 400, "t/2", "annotator+2")

    async with rig_in(tmp_path, WATCHED, parts=Parts(LABELLING)) as rig:
        reach(rig, monkeypatch)
        before = rig.count("results")
        await rig.send(samples(20, 1000))
        await rig.until(lambda: rig.count("results"), lambda n: n == before + 20)
        assert versions(rig, 1000, 1020) == {"policy": {"t/2"}, "annotator": {"annotator+2"}}, (
            "a broker that begins anew is told what is in force"
        )
        await policy("use", "t", "1", "--note", "back")
        await until_used(rig, 1100, "t/1", "annotator")
        assert rig.ledger().balanced


async def until_used(rig: Rig, first: int, name: str, annotator: str) -> None:
    """Of samples sent one after the other, a later one is worked by the policy: no restart."""
    wanted = {"policy": {name}, "annotator": {annotator}}
    for number in range(first, first + 100):
        await rig.send(samples(1, number))
        look = partial(versions, rig, number, number + 1)
        found = await rig.until(look, lambda seen: bool(seen["policy"]))
        if found == wanted:
            return
    raise AssertionError(f"the last one was worked by {found}")
