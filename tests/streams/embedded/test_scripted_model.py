"""The scripted model as a program."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agents.annotate.views import prompt_for, prompt_head
from models.task import View
from streams.embedded.announce import read_announcement
from tests.scripted_bench import VIEW_TASK, view_task

MODULE = "streams.embedded.scripted_model"
SECONDS = 20


@contextmanager
def program(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    announced = str(tmp_path / "model.json")
    argv = [sys.executable, "-m", MODULE, "--announce", announced, *arguments]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.processes
async def test_the_program_announces_itself_serves_and_ends_with_its_parent(tmp_path: Path) -> None:
    view = view_task().annotator
    assert isinstance(view, View)
    body = {"prompt": prompt_for(prompt_head(view), "hello", 1000)}
    key, task = tmp_path / "key.jsonl", tmp_path / "task.yaml"
    key.write_text(json.dumps({"text": "hello", "label": "spam"}))
    task.write_text(VIEW_TASK)
    with program(
        tmp_path, "--key", str(key), "--task", str(task), "--accuracy", "0.999999"
    ) as process:
        place = await _announced(tmp_path / "model.json", process)
        async with (
            aiohttp.ClientSession(f"http://{place['host']}:{place['port']}") as session,
            session.post("/v1/completions", json=body) as response,
        ):
            reply = await response.json()
        assert reply["choices"][0]["text"] == " scam"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(SECONDS) == 0


@pytest.mark.processes
def test_a_mistake_in_the_key_file_is_one_line_and_exit_code_78(tmp_path: Path) -> None:
    key = tmp_path / "key.jsonl"
    key.write_text("nonsense")
    with program(tmp_path, "--key", str(key)) as process:
        assert process.wait(SECONDS) == 78
        assert process.stderr is not None
        errors = process.stderr.read()
    assert len(errors.splitlines()) == 1
    assert "key.jsonl:1" in errors


async def _announced(path: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        while (place := read_announcement(path)) is None:
            assert process.poll() is None
            await asyncio.sleep(0.05)
    return place
