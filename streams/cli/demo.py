"""`tidegauge demo`: the whole flow on traffic written for it, with a shift half-way."""

import asyncio
import json
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr
from rich.console import Group, RenderableType
from rich.text import Text

from models.errors import ConfigurationError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.instances import welcome
from streams.cli.interrupts import until_interrupted
from streams.cli.sending import Count, Order, send_order
from streams.cli.settling import Awaited, until_settled
from streams.cli.summary import Facts, rendered, summary, whole
from streams.cli.traffic import Good, Reading, Stamp, file_seed
from streams.embedded.instance import Instance, instance, timed
from streams.embedded.parts import EMBEDDED, SCRIPTED, Wanted
from streams.embedded.run_file import owned
from streams.store.client import Store, connect_sync
from streams.store.contents import rows_per_table
from streams.store.figures.alarms import alarms
from streams.store.figures.ledger import Ledger

DEMO_FOLDER = "demo"
RATES = {"local": 3.0, "scripted": 15.0}
"""Samples sent per second: about what each model keeps up with, so that time shows on the pages."""

ALARM_SECONDS = 20.0
_LOOK_SECONDS = 0.5

Model = Literal["local", "scripted"]


def demo(
    *,
    model: Annotated[
        Model, typer.Option(help="The small real model, or one that answers from a key.")
    ] = "local",
    exit_: Annotated[bool, typer.Option("--exit", help="End when the report is made.")] = False,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Show the pages.")] = True,
) -> None:
    """Watch the whole thing work: real labelling of a few hundred messages made for this demo.

    Half-way a scam campaign begins; the demo ends with a report that shows it being found, and
    stays with the dashboard open until Ctrl-C. Starts from nothing each time.

    Example: tidegauge demo
    """
    settings = settings_here()
    task, traffic = demo_files()
    with owned(settings.data):
        fresh = settings.data / DEMO_FOLDER
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        key = write_key(traffic, fresh / "key.jsonl")
        queue = SecretStr(f"sqlite:///{(fresh / 'desk.sqlite').absolute()}")
        update = {
            "tasks": (task,),
            "default_task": "",
            "traffic": "written for the demo",
            "desk": settings.desk.model_copy(update={"database": queue}),
        }
        settings = settings.model_copy(update=update)
        wanted = Wanted(
            store=fresh / "store",
            model=model,
            kafka=EMBEDDED,
            clickhouse=EMBEDDED,
            key=key if model == SCRIPTED else None,
            dashboard=dashboard,
            reviewers=key,
        )
        asyncio.run(until_interrupted(_run(settings, wanted, traffic, (exit_, json_))))


def demo_files() -> tuple[Path, Path]:
    """The demo's task and traffic.

    Raises:
        ConfigurationError: they are not beside the program.
    """
    folder = Path(__file__).parents[2] / "examples"
    task, traffic = folder / "demo.yaml", folder / "demo" / "traffic.jsonl"
    for path in (task, traffic):
        if not path.is_file():
            raise ConfigurationError(f"{path} is missing; the demo runs from a source checkout")
    return task, traffic


def write_key(traffic: Path, key: Path) -> Path:
    """The references of a file of traffic as a key: what simulated reviewers go by."""
    with key.open("w", encoding="utf-8") as file:
        for line in Order(traffic, "jsonl", Reading()).lines():
            if isinstance(line, Good) and line.sample.reference:
                entry = {"text": line.sample.text, "label": line.sample.reference[0]}
                file.write(json.dumps(entry) + "\n")
    return key


async def _run(
    settings: Settings, wanted: Wanted, traffic: Path, ending: tuple[bool, Path | None]
) -> None:
    exits, json_path = ending
    began = time.monotonic()
    terminal.note("starting broker, store, model, stages and pages …")
    async with instance(settings, wanted, terminal.note) as running:
        terminal.out().print(welcome(running))
        facts = await running.during(played(running, traffic))
        facts["seconds"]["total"] = round(time.monotonic() - began, 2)
        if json_path:
            terminal.write_json(json_path, facts)
        terminal.out().print(report(facts, running))
        if not exits:
            await running.failure()


async def played(running: Instance, traffic: Path) -> Facts:
    """Send the traffic at its pace, wait for its end and for the alarm; the demo's figures."""
    settings, seconds = running.settings, dict(running.seconds)
    task = next(iter(running.tasks.values()))
    how = Reading(stamp=Stamp(task=task.name), seed=file_seed(traffic))
    order = Order(traffic, "jsonl", how, rate=RATES[settings.model.kind])
    keys = {line.sample.key() for line in order.lines() if isinstance(line, Good)}
    scope = whole(task.name)
    with closing(connect_sync(settings.clickhouse)) as store:
        with timed(seconds, "sending, labelling, judging, reviewing"), Shown(len(keys)) as shown:
            awaited = Awaited(len(keys), reviewed=True)
            settled = asyncio.create_task(until_settled(store, scope, awaited, shown.watch))
            try:
                await send_order(settings, order, Count())
                await settled
            finally:
                settled.cancel()
        with timed(seconds, "waiting for the detectors"):
            await _until_alarm(store, task.name)
        facts = summary(store, scope)
        rows = rows_per_table(store)
    return {**facts, "rows": rows, "model": settings.model.kind, "seconds": seconds}


class Shown:
    """How the demo goes: bars on a terminal, a line now and then elsewhere."""

    def __init__(self, samples: int) -> None:
        """Expect so many samples."""
        self._samples = samples
        self._bar = terminal.progress()
        self._done = self._bar.add_task("labelled, judged, routed", total=samples)
        self._asked = self._bar.add_task("answered by simulated reviewers", total=None)
        self._said = 0

    def __enter__(self) -> "Shown":
        """Begin."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._bar.stop()

    def watch(self, books: Ledger) -> None:
        """Show the books as they are now."""
        done = books.samples_in - books.in_flight
        reviewed = books.states["reviewed"]
        asked = books.states["awaiting_review"] + reviewed
        self._bar.update(self._done, completed=done)
        self._bar.update(self._asked, completed=reviewed, total=asked or None)
        quarter = 4 * done // max(1, self._samples)
        if quarter > self._said and not self._bar.console.is_terminal:
            self._said = quarter
            terminal.note(f"{done:,} of {self._samples:,} samples done")


async def _until_alarm(store: Store, task: str) -> None:
    """Wait until the detectors have spoken, but not for long: they may have nothing to say."""
    for _ in range(round(ALARM_SECONDS / _LOOK_SECONDS)):
        if await asyncio.to_thread(alarms, store, whole(task)):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def report(facts: Facts, running: Instance) -> RenderableType:
    """What the demo showed, and where to look."""
    found = facts["alarms"]
    moved = "nothing was seen to move"
    if found:
        first = min(found, key=lambda alarm: str(alarm["at"]))
        signal = first["signal"].replace("_", " ")
        moved = f"the shift was found: {signal}, {first['slice'] or 'whole task'}"
    said = Text(f"\nThe demo is over: {facts['samples_in']:,} samples, {moved}.\n", style="bold")
    parts: list[RenderableType] = [said, rendered(facts), Text()]
    if url := running.addresses.dashboard:
        parts.append(Text.assemble("Look around: ", (url, "bold"), "    Ctrl-C stops everything."))
    parts.append(
        Text(
            "Reviews were answered by simulated reviewers; the traffic was written for the demo.",
            style="dim",
        )
    )
    return Group(*parts)
