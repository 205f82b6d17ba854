"""`tidegauge send`: a file or a pipe of traffic onto the `samples` topic."""

import asyncio
import itertools
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.progress import Progress

from models.errors import ConfigurationError, TidegaugeError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.brake import brake_of
from streams.cli.here import settings_here
from streams.cli.producing import Rate, from_file, from_pipe, pipe_lines, send_samples
from streams.cli.traffic import (
    Bad,
    Columns,
    Format,
    Good,
    Reading,
    Stamp,
    file_seed,
    format_of,
    read_lines,
)

NAMED_LINES = 20
PIPE = Path("-")

Counted = TypeVar("Counted", bound="Count")


class Count:
    """What became of the lines so far; the first bad ones are named, all are counted."""

    def __init__(self, bar: Progress | None = None, total: int | None = None) -> None:
        """Count from nothing, on a progress bar where there is one."""
        self.good = 0
        self.bad = 0
        self._bar = bar
        self._task = bar.add_task("sending", total=total) if bar else None

    def sent(self, line: Good) -> None:
        """Count a stored sample."""
        self.good += 1
        self._advance()

    def skipped(self, line: Bad) -> None:
        """Count a bad line, and name it if it is one of the first."""
        self.bad += 1
        self._advance()
        if self.bad <= NAMED_LINES:
            terminal.note(f"line {line.number} skipped: {terminal.visible(line.why)}")
        elif self.bad == NAMED_LINES + 1:
            terminal.note("further bad lines are counted, not named")

    def _advance(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)


class CountDifferent(Count):
    """Counts different samples too: a line that says the same again is no other sample."""

    def __init__(self, bar: Progress | None = None, total: int | None = None) -> None:
        """Count from nothing."""
        super().__init__(bar, total)
        self.keys: set[str] = set()

    def sent(self, line: Good) -> None:
        """Count a stored sample."""
        super().sent(line)
        self.keys.add(line.sample.key())


@dataclass(frozen=True)
class Order:
    """What is to be sent, and how fast."""

    path: Path
    kind: Format
    how: Reading
    rate: float | None = None
    limit: int | None = None

    def lines(self) -> Iterator[Good | Bad]:
        """The file's lines from its beginning."""
        with self.path.open("rb") as file:
            yield from itertools.islice(read_lines(file, self.kind, self.how), self.limit)

    def total(self) -> int:
        """How many lines will be sent, the heading left out."""
        with self.path.open("rb") as file:
            lines = sum(1 for line in file if line.strip()) - (self.kind != "jsonl")
        return lines if self.limit is None else min(lines, self.limit)


def send(  # noqa: PLR0913 - one option per field a user may map
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or TSV; - reads standard input.")],
    *,
    task: Annotated[
        str,
        typer.Option(help="Task of all samples; else each line's, else the deployment's default."),
    ] = "",
    text: Annotated[str, typer.Option(help="Field that holds the text.")] = "text",
    id_: Annotated[
        str,
        typer.Option(
            "--id",
            help="Field that holds the id; without one it is "
            "made from the file's hash and the line number.",
        ),
    ] = "id",
    reference: Annotated[str, typer.Option(help="Field that holds the known label, if any.")] = (
        "reference"
    ),
    tag: Annotated[list[str] | None, typer.Option(help="Field to keep as a tag; repeatable.")] = (
        None
    ),
    rate: Annotated[float | None, typer.Option(min=0.001, help="Samples per second.")] = None,
    kind: Annotated[Format | None, typer.Option("--format", help="Default: by the name.")] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Send nothing if any line is bad (a pipe: stop at the first)."
        ),
    ] = False,
) -> None:
    """Send a file of traffic, a sample a line; bad lines are named by number and skipped.

    Sending a file again sends the same samples: they are counted as repeats and change no figure.

    Example: tidegauge send inbox.csv --text body --id message_id --tag country --rate 20
    """
    columns = Columns(text=text, id=id_, reference=reference, tags=tuple(tag or ()))
    seed = "" if file == PIPE else file_seed(file)
    how = Reading(columns, Stamp(task=task), seed)
    order = Order(file, kind or format_of(file), how, rate)
    settings = settings_here()
    if strict and file != PIPE:
        check_all(order)
    count = asyncio.run(_send(settings, order, strict))
    skipped = f"; {count.bad:,} bad lines skipped" if count.bad else ""
    terminal.out().print(f"{count.good:,} samples sent{skipped}")
    if not count.good:
        raise TidegaugeError("nothing was sent")


def check_all(order: Order) -> None:
    """Read the whole file.

    Raises:
        ConfigurationError: some lines are bad; names the first ones, and nothing was sent.
    """
    bad = [line for line in order.lines() if isinstance(line, Bad)]
    if not bad:
        return
    shown = "\n".join(f"{order.path}:{line.number}: {line.why}" for line in bad[:NAMED_LINES])
    more = f"\nand {len(bad) - NAMED_LINES:,} more" if len(bad) > NAMED_LINES else ""
    raise ConfigurationError(f"{len(bad):,} bad lines; nothing was sent\n{shown}{more}")


async def _send(settings: Settings, order: Order, strict: bool) -> Count:
    with terminal.progress() as bar:
        if order.path == PIPE:
            count = _Strict(bar) if strict else Count(bar)
            await _send_pipe(settings, order, count)
        else:
            count = await send_order(settings, order, Count(bar, order.total()))
    return count


class _Strict(Count):
    """Stops at the first bad line."""

    def skipped(self, line: Bad) -> None:
        """Refuse to go on."""
        raise ConfigurationError(f"line {line.number}: {line.why}; {self.good:,} samples were sent")


async def send_order(settings: Settings, order: Order, count: Counted) -> Counted:
    """Send a file and return its count when the broker has stored all of it."""
    await _through_brake(settings, from_file(order.lines()), count, order.rate)
    return count


async def _send_pipe(settings: Settings, order: Order, count: Count) -> None:
    stop = threading.Event()
    lines = read_lines(pipe_lines(sys.stdin.fileno(), stop), order.kind, order.how)
    await _through_brake(settings, from_pipe(lines, stop), count, order.rate)


async def _through_brake(
    settings: Settings, lines: AsyncIterator[Good | Bad], count: Count, rate: float | None
) -> None:
    async with brake_of(settings) as brake:
        await send_samples(settings, lines, count, Rate(rate), brake)
