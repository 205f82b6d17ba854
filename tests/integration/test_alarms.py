"""Alarms from the command line, against a running instance: seen, acknowledged, re-baselined."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from tests.integration.conftest import LABELLING, TASK, Parts, rig_in, samples

pytestmark = pytest.mark.processes

RUN = CliRunner()
BEFORE, AFTER = 150, 100
SHIFTING = TASK.replace("{baseline: 200}", "{baseline: 100, run_length: 1000}")


def tidegauge(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program as a person runs it, in the folder of a running instance."""
    environment = os.environ | {"TIDEGAUGE_DATA": str(data)}  # noqa: TID251 - the child's PATH
    return subprocess.run(
        (sys.executable, "-m", "streams.cli.main", *arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spam(first: int, count: int) -> list[Any]:
    """Messages whose key says spam: every seventh, sent under ids of their own."""
    return [
        (f"s{n}".encode(), json.dumps({"id": f"s{n}", "text": f"message number {n * 7}"}).encode())
        for n in range(first, first + count)
    ]


async def test_an_alarm_is_acknowledged_and_rebaselined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig_in(tmp_path, SHIFTING, parts=Parts((*LABELLING, "drift"))) as rig:
        data = rig.settings.data
        monkeypatch.setenv("TIDEGAUGE_DATA", str(data))

        def listed() -> list[dict[str, Any]]:
            answer = RUN.invoke(app, ["alarms", "list", "--json"])
            assert answer.exit_code == 0, answer.output
            found: list[dict[str, Any]] = json.loads(answer.output)
            return [alarm for alarm in found if alarm["signal"] == "label_mix"]

        await rig.send(samples(BEFORE))
        await rig.settled(BEFORE)
        assert await asyncio.to_thread(listed) == []
        await rig.send(spam(0, AFTER))
        await rig.until(lambda: rig.count("alarms"), bool, 90)
        (alarm,) = await asyncio.to_thread(listed)
        assert alarm["state"] == "open"

        name = alarm["id"][:6]
        said = await asyncio.to_thread(
            tidegauge, data, "alarms", "acknowledge", name, "--note", "a campaign, known"
        )
        assert (said.returncode, "is acknowledged" in said.stdout) == (0, True), said
        again = await asyncio.to_thread(tidegauge, data, "alarms", "acknowledge", name)
        assert again.returncode == 78
        assert "is acknowledged already" in again.stderr

        (known,) = [one for one in await asyncio.to_thread(listed) if one["id"] == alarm["id"]]
        assert (known["state"], known["note"]) == ("acknowledged", "a campaign, known")
        said = await asyncio.to_thread(
            tidegauge, data, "alarms", "rebaseline", name, "--note", "the new normal"
        )
        assert (said.returncode, "is closed" in said.stdout) == (0, True), said
        (closed,) = [one for one in await asyncio.to_thread(listed) if one["id"] == alarm["id"]]
        assert (closed["state"], closed["note"]) == ("closed", "the new normal")
        afresh = "SELECT count() AS n FROM snapshots FINAL WHERE slice = '' AND collected < needed"
        await rig.until(lambda: rig.store.query(afresh)[0]["n"], bool)  # a baseline from nothing

        strange = await asyncio.to_thread(tidegauge, data, "alarms", "acknowledge", "ffffff")
        assert strange.returncode == 78
        assert "Traceback" not in strange.stderr
