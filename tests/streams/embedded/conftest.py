"""Programs as a user starts them: by command line, in a process of their own."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.embedded.announce import Fact, read_announcement

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


async def eventually_async(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition comes true; fail if it does not in time."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


@dataclass
class Program:
    process: subprocess.Popen[bytes]
    facts: dict[str, Fact]

    @property
    def port(self) -> int:
        return int(self.facts["port"])

    @property
    def address(self) -> str:
        return f"{self.facts['host']}:{self.port}"

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


Start = Callable[..., Program]


def start_program(module: str, announcement: Path, *arguments: str) -> Program:
    announcement.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--announce", str(announcement), *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    try:
        ready = eventually(lambda: announcement.exists() or process.poll() is not None)
        facts = read_announcement(announcement)
        assert ready, f"{module} says nothing"
        assert facts is not None, f"{module} ended with {process.poll()}"
    except AssertionError:
        process.kill()
        process.wait()
        raise
    return Program(process, facts)


def run_to_end(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start embedded programs; all are gone after the test."""
    started: list[Program] = []

    def start_one(module: str, *arguments: str) -> Program:
        program = start_program(module, tmp_path / f"{len(started)}.json", *arguments)
        started.append(program)
        return program

    yield start_one
    for program in started:
        program.process.kill()
        program.process.wait()
        if program.process.stdin is not None:
            program.process.stdin.close()
