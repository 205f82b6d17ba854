"""Showing what a child process writes to its log."""

import asyncio
from pathlib import Path

from streams.cli import terminal

LOOK_SECONDS = 0.3
_AT_ONCE = 1 << 16
_LINE_SHOWN = 2000


async def follow(path: Path) -> None:
    """Print each line that is written to a log from now on, until cancelled."""
    place, rest = _end(path), b""
    while True:
        place, chunk = read_from(path, place)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            terminal.note(terminal.visible(line.decode("utf-8", "replace"), _LINE_SHOWN))
        if not chunk:
            await asyncio.sleep(LOOK_SECONDS)


def read_from(path: Path, place: int) -> tuple[int, bytes]:
    """What stands after a place, and the next place; from the start once the log was cut."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(place if place <= size else 0)
            chunk = log.read(_AT_ONCE)
            return log.tell(), chunk
    except FileNotFoundError:
        return 0, b""


def _end(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
