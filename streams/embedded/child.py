"""One child process as a value, what happens to it as events, and the log file it writes."""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from models.errors import TidegaugeError
from streams.embedded.announce import Fact

MAX_LOG_BYTES = 5_000_000
TAIL_BYTES = 8_192
TAIL_LINES = 8
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\x20-\x7e\u00a0-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running.

    Attributes:
        name: what people call it; names its log file.
        argv: the program and its arguments.
        env: its whole environment; None: its parent's.
        announces: file in which it says that it is ready and where it listens; None: it says
            nothing.
        listens_on: loopback port that answers once it is ready, for programs that announce nothing.
        restart: whether to start it again after it died; if not, its death is an event and no more.
        ready_seconds: how long it may take to become ready.
        stop_seconds: how long it may take to stop before it is killed.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    announces: Path | None = None
    listens_on: int | None = None
    restart: bool = True
    ready_seconds: float = 30.0
    stop_seconds: float = 10.0


class Happening(StrEnum):
    """What can happen to a child."""

    READY = "ready"
    DIED = "died"
    MISCONFIGURED = "misconfigured"
    GAVE_UP = "gave up"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a child.

    Attributes:
        exit_code: how it ended, negative for the number of a signal; None while it runs.
        last_lines: the end of its log, without control characters.
        restart_seconds: after how long it is started again; None: it is not.
        announcement: where it listens, if it said so.
    """

    happening: Happening
    name: str
    exit_code: int | None = None
    last_lines: tuple[str, ...] = ()
    restart_seconds: float | None = None
    announcement: Mapping[str, Fact] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for a person."""
        how = f" (exit code {self.exit_code})" if self.exit_code is not None else ""
        last = f": {self.last_lines[-1]}" if self.last_lines else ""
        again = f"; starting again in {self.restart_seconds:g} s" if self.restart_seconds else ""
        return f"{self.name} {self.happening}{how}{last}{again}"


Listener = Callable[[Event], None]


class ChildDied(TidegaugeError):
    """A child ended, or never got ready, at its first start; the text shows the end of its log."""


def prepare_log(path: Path) -> None:
    """Make room for a log at `path`: its folder, and an over-long earlier log set aside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    bound_log(path)


def bound_log(path: Path) -> None:
    """Set a log over `MAX_LOG_BYTES` aside as `<name>.1`, while its writer goes on appending.

    Lines written between the copy and the cut are lost; all of them if the disk has no room left.
    """
    if not path.exists() or path.stat().st_size <= MAX_LOG_BYTES:
        return
    aside = path.with_name(f"{path.name}.1")
    try:
        shutil.copyfile(path, aside)
    except OSError:
        aside.unlink(missing_ok=True)
    os.truncate(path, 0)


def last_lines(path: Path) -> tuple[str, ...]:
    """The last lines of a log that say something, safe to print on a terminal."""
    if not path.exists():
        return ()
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = log.read().decode(errors="replace")
    lines = (_UNPRINTABLE.sub("", line).rstrip() for line in text.splitlines())
    return tuple(line for line in lines if line)[-TAIL_LINES:]
