"""Drills: `python -m tests.drills [--long] [--only WORDS] [--json] [--folder FOLDER]`.

Real processes on a real Apache Kafka, killed by their process ids. The last line says what came of
it; the exit code is 0 only if every round was played and judged, nothing was lost, nothing was
counted twice, no commit passed an unfinished record and every figure is right.
"""

import argparse
import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from models.errors import ConfigurationError, TidegaugeError
from tests.drills.plan import Drill, long, short
from tests.drills.report import as_json, show, totals, verdict
from tests.drills.rounds import Outcome, running

FAILED, MISUSED = 1, 2
STOPPED = 130
WIDTH = 150
MOUNTER = ("unshare", "--user", "--mount", "--map-root-user")

Done = TypeVar("Done")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drills."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills")
    parser.add_argument("--long", action="store_true", help="20,000 samples and more")
    parser.add_argument("--only", default="", help="rounds whose name holds this")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--folder", type=Path, help="keep data and logs there (default: nowhere)")
    parser.add_argument("--mounts", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.mounts and can_mount():
        again = [sys.executable, "-m", "tests.drills", "--mounts", *(arguments or sys.argv[1:])]
        os.execvp(MOUNTER[0], [*MOUNTER, *again])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it says each broker is away, often
    drills = list(chosen(long() if options.long else (short(),), options.only))
    console = Console(stderr=True)
    if not drills:
        console.print(f"no round is called {options.only!r}")
        return MISUSED
    outcomes: list[list[Outcome]] = []
    with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
        folder = options.folder or Path(scratch)
        ended = _run(_all(folder.resolve(), drills, outcomes, console), console)
    if ended and not any(outcomes):
        return ended
    if options.json:
        print(as_json(outcomes))
    else:
        show(outcomes, Console(width=WIDTH))
    result = totals(outcomes)
    print(result)
    return ended or (0 if result.good else FAILED)


def _run(work: Coroutine[Any, Any, None], console: Console) -> int:
    """Run it to its end, or until it is stopped or cannot go on; the exit code that calls for."""
    try:
        asyncio.run(_stoppable(work))
    except ConfigurationError as error:
        console.print(str(error), markup=False)
        return MISUSED
    except TidegaugeError as error:
        console.print(f"the drill cannot go on: {error}", markup=False)
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped before its end")
        return STOPPED
    return 0


def can_mount() -> bool:
    """This machine lets a process have mounts of its own, which are gone when it ends."""
    try:
        return subprocess.run([*MOUNTER, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def chosen(drills: Sequence[Drill], only: str) -> Iterator[Drill]:
    """The drills with the rounds asked for."""
    for drill in drills:
        rounds = tuple(each for each in drill.rounds if only in each.name)
        if rounds:
            yield replace(drill, rounds=rounds, own_disk=True)


async def _stoppable(work: Coroutine[Any, Any, Done]) -> Done:
    """The work, stopped in good order by SIGTERM as by Ctrl-C: brokers would outlive this."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _all(
    folder: Path, drills: Sequence[Drill], outcomes: list[list[Outcome]], console: Console
) -> None:
    """Run the drills, and note every outcome as soon as it is there."""
    for number, drill in enumerate(drills):
        outcomes.append([])
        told: list[str] = []
        async with running(folder / f"drill-{number}", drill, told) as run:
            for plan in drill.rounds:
                console.print(f"{plan.name} …", style="dim")
                outcomes[-1].append(outcome := await run.round(plan))
                console.print(f"  {verdict(outcome)}", style="dim", markup=False)


if __name__ == "__main__":
    sys.exit(main())
