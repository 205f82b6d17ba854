"""`tidegauge evaluate`: a labelled file through the whole pipeline, and how good its labels are."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from models.errors import ConfigurationError
from models.settings import TRIAL_SLOT, Settings, read_run_file
from models.task import Task
from models.task_file import load_task
from streams.cli import terminal
from streams.cli.broker_choice import STORE_FOLDER
from streams.cli.here import settings_here
from streams.cli.model_choice import KeyOption, ModelOption
from streams.cli.sending import CountDifferent, Order, send_order
from streams.cli.settling import Awaited, until_settled
from streams.cli.summary import Facts, rendered, summary, whole
from streams.cli.traffic import Bad, Columns, Good, Reading, Stamp, file_seed, format_of
from streams.embedded.instance import Instance, instance, timed
from streams.embedded.parts import EMBEDDED, SCRIPTED, Wanted
from streams.embedded.run_file import owned
from streams.store.client import connect_sync
from streams.store.figures.ledger import Ledger
from streams.topics import STAGES, Stage

TRIAL = {"TIDEGAUGE_TRIAL": "true"}
"""What is tried out may change under one name: an evaluation registers no versions."""

_NO_DESK: tuple[Stage, ...] = tuple(stage for stage in STAGES if stage != "desk")
"""Nothing of an evaluation waits for people."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: what is sent, as which run."""

    task: Task
    task_file: Path
    order: Order
    run: str


def evaluate(  # noqa: PLR0913 - one option per field a user may map
    file: Annotated[Path, typer.Argument(help="Labelled JSONL, CSV or TSV.")],
    *,
    task: Annotated[Path, typer.Option(help="Task file to try.")],
    reference: Annotated[str, typer.Option(help="Field that holds the known label.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    text: Annotated[str, typer.Option(help="Field that holds the text.")] = "text",
    id_: Annotated[str, typer.Option("--id", help="Field that holds the id.")] = "id",
    model: ModelOption = None,
    key: KeyOption = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Send a labelled file through the whole pipeline and say how good the labels were.

    Has a run id of its own: it touches no live figure, queue, baseline or cache, but costs what
    it costs. It goes through the running instance if that serves this very task file, else
    through an embedded one started for the occasion; the results stay in the store.

    Example: tidegauge evaluate mine.jsonl --task examples/sms_spam.yaml --reference label
    """
    settings = settings_here()
    run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    chosen = load_task(task)
    stamp = Stamp(task=chosen.name, provenance="evaluation", run=run)
    columns = Columns(text=text, id=id_, reference=reference)
    order = Order(file, format_of(file), Reading(columns, stamp, file_seed(file)), limit=limit)
    check_references(order, chosen, reference)
    wanted = Wanted(store=settings.data / STORE_FOLDER, model=model, key=key, dashboard=False)
    facts = asyncio.run(_evaluated(settings, Evaluation(chosen, task, order, run), wanted))
    if json_:
        terminal.write_json(json_, facts)
    terminal.out().print(rendered(facts))
    terminal.out().print(
        Text(f"\nrun {run}: tidegauge report --run {run}, or pick it on the pages")
    )


def check_references(order: Order, task: Task, field: str) -> None:
    """See that the file has references, and that they are labels of the task.

    Raises:
        ConfigurationError: no line has one, or one is no label of the task.
    """
    good = [line for line in order.lines() if isinstance(line, Good)]
    known = {name for line in good for name in line.sample.reference or ()}
    if not good:
        bad = next((line for line in order.lines() if isinstance(line, Bad)), None)
        why = f": line {bad.number} {bad.why}" if bad else ""
        raise ConfigurationError(f"{order.path}: no line is a sample{why}")
    if not known:
        raise ConfigurationError(f"{order.path}: no line has a field {field!r} (--reference)")
    if strange := sorted(known - set(task.label_names)):
        raise ConfigurationError(
            f"{order.path}: {field!r} holds {strange[0]!r}, which is no label of {task.name}; "
            f"its labels are {', '.join(task.label_names)}"
        )


async def _evaluated(settings: Settings, what: Evaluation, wanted: Wanted) -> Facts:
    """Through the running instance if it serves this very task, else one of its own."""
    began = time.monotonic()
    running = read_run_file(settings.data)
    if serves(running, what.task, wanted):
        terminal.note(f"through the running instance (process {running['pid']})")
        facts = await _through(settings, what, {})
    else:
        terminal.note("starting an instance for the occasion …")
        async with own_instance(settings, what, wanted, running) as own:
            facts = await own.during(_through(own.settings, what, own.seconds))
    return {**facts, "seconds": round(time.monotonic() - began, 2)}


async def _through(settings: Settings, what: Evaluation, seconds: dict[str, float]) -> Facts:
    with closing(connect_sync(settings.clickhouse)) as store, terminal.progress() as bar:
        with timed(seconds, "sending"):
            count = CountDifferent(bar, what.order.total())
            await send_order(settings, what.order, count)
        task = bar.add_task("labelling and judging", total=len(count.keys))
        scope = whole(what.task.name, what.run)

        def watch(books: Ledger) -> None:
            bar.update(task, completed=books.samples_in - books.in_flight)

        with timed(seconds, "labelling and judging"):
            await until_settled(store, scope, Awaited(len(count.keys)), watch)
        facts = summary(store, scope)
    return {
        "n": facts["samples_in"],
        "model": settings.model.kind,
        "task_version": str(what.task.identity),
        "bad_lines": count.bad,
        **facts,
        "seconds_per_part": seconds,
    }


@asynccontextmanager
async def own_instance(
    settings: Settings, what: Evaluation, wanted: Wanted, running: Facts
) -> AsyncIterator[Instance]:
    """An embedded instance for one evaluation, on the store of the running one if there is one."""
    with ExitStack() as stack:
        if running:
            wanted = replace(wanted, clickhouse=running["clickhouse"])
        else:
            stack.enter_context(owned(settings.data))
        own = _own_settings(settings, what)
        stack.enter_context(owned(own.data))
        wanted = replace(wanted, kafka=EMBEDDED, environment=TRIAL, stages=_NO_DESK)
        async with instance(own, wanted, terminal.note) as started:
            yield started


def serves(running: Facts, task: Task, wanted: Wanted) -> bool:
    """The running instance has this very task, and the model that is wanted, if one is."""
    served = running.get("tasks", {}).get(task.name, {})
    if served.get("hash") != task.identity.hash:
        return False
    kind = running["settings"]["model"]["kind"]
    return wanted.model in (None, kind, running["model"]) and wanted.model != SCRIPTED


def _own_settings(settings: Settings, what: Evaluation) -> Settings:
    kafka = settings.kafka.model_copy(update={"samples_topic": None})
    return settings.model_copy(
        update={
            "data": settings.data / "evaluate",
            "tasks": (what.task_file,),
            "default_task": what.task.name,
            "slot": TRIAL_SLOT,
            "kafka": kafka,
            "metrics_port": 0,
        }
    )
