"""From decisions to a policy in force: fitted, used and given up again while samples flow."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
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

pytestmark = pytest.mark.processes

RUN = CliRunner()

TASK = """
name: t
kind: classification
instructions: Label the message.
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement or a fraud}
judge: {kind: rubric}
routing: {budget: 1.0, audit: 0.5}
drift: {baseline: 200}
spend: {unpriced: allow}
cache_seconds: 0
"""


def right(text: str) -> str:
    """What the scripted model's key says."""
    return "spam" if int(text.rpartition(" ")[2]) % 7 == 0 else "ham"


async def decided(rig: Any) -> int:
    """People decide on everything that is asked; how much that is."""
    rows = rig.store.query(
        """SELECT r.result_id AS result_id, r.sample_key AS sample_key, r.event_time AS at,
                  r.propensity AS propensity, r.audit AS audit, toString(r.lane) AS lane,
                  r.task_version AS name, r.task_hash AS hash, s.text AS text
           FROM results AS r FINAL INNER JOIN samples AS s FINAL ON s.sample_key = r.sample_key
           WHERE r.lane != ''"""
    )
    producer = new_producer(rig.settings)
    await producer.start()
    topic = Topics.of(rig.settings.kafka).decisions
    for number, row in enumerate(rows):
        outcome = Outcome(
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
        await producer.send_and_wait(topic, outcome.encode(), partition=number % 4)
    await producer.stop()
    await rig.until(lambda: rig.count("outcomes"), lambda n: n == len(rows))
    return len(rows)


def versions(rig: Any, first: int, last: int) -> dict[str, set[str]]:
    """Which policies and annotators made the results of these samples."""
    rows = rig.store.query(
        """SELECT toString(policy) AS policy, toString(annotator) AS annotator FROM results FINAL
           WHERE toUInt32(id) >= {first:UInt32} AND toUInt32(id) < {last:UInt32}""",
        {"first": first, "last": last},
    )
    return {name: {row[name] for row in rows} for name in ("policy", "annotator")}


def results(rig: Any, first: int, last: int) -> int:
    sql = f"SELECT count() AS n FROM results FINAL WHERE toUInt32(id) BETWEEN {first} AND {last}"
    return int(rig.store.query(sql)[0]["n"])


async def policy(*arguments: str) -> str:
    found = await asyncio.to_thread(RUN.invoke, app, ["policy", *arguments])
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def reach(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this test find the instance."""
    monkeypatch.setenv("TIDEGAUGE_DATA", str(rig.settings.data))


async def test_a_policy_is_fitted_used_kept_over_a_restart_and_given_up(
    tmp_path: Path,
    start_rig: Callable[..., AbstractAsyncContextManager[Any]],
    make_samples: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with start_rig(tmp_path, TASK) as rig:
        reach(rig, monkeypatch)
        rig.model("/control", {"accuracy": 0.8, "sureness": 2.0})
        refused = await asyncio.to_thread(RUN.invoke, app, ["policy", "fit", "t"])
        assert refused.exit_code == 1
        assert "0 reviewed samples" in refused.output

        await rig.send(make_samples(400))
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
        await until_used(rig, make_samples, 400, "t/2", "annotator+2")

    async with start_rig(tmp_path, TASK) as rig:
        reach(rig, monkeypatch)
        await rig.send(make_samples(20, 1000))
        await rig.until(lambda: results(rig, 1000, 1020), lambda n: n == 20)
        assert versions(rig, 1000, 1020) == {"policy": {"t/2"}, "annotator": {"annotator+2"}}, (
            "a broker that begins anew is told what is in force"
        )
        await policy("use", "t", "1", "--note", "back")
        await until_used(rig, make_samples, 1100, "t/1", "annotator")
        assert rig.ledger().balanced


async def until_used(
    rig: Any, make_samples: Callable[..., Any], first: int, name: str, annotator: str
) -> None:
    """Within seconds, samples sent one after the other are worked by the policy."""
    wanted = {"policy": {name}, "annotator": {annotator}}
    async with asyncio.timeout(20):
        for number in range(first, first + 100):
            await rig.send(make_samples(1, number))
            found = await rig.until(
                lambda n=number: versions(rig, n, n + 1), lambda seen: bool(seen["policy"])
            )
            if found == wanted:
                return
    raise AssertionError(f"the last one was worked by {found}")
