"""`tidegauge up`: everything on this machine, until Ctrl-C."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from models.errors import TidegaugeError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.broker_choice import kafka_here, on_kafka_here, store_folder
from streams.cli.here import settings_here
from streams.cli.interrupts import until_interrupted
from streams.cli.model_choice import KeyOption, ModelOption
from streams.cli.summary import whole
from streams.embedded.instance import BrokerDied, Instance, instance, served
from streams.embedded.parts import Wanted
from streams.embedded.run_file import owned
from streams.store.client import connect_sync
from streams.store.figures.ledger import ledger

NEXT = (
    "Send it something: tidegauge send FILE.jsonl      Ctrl-C stops everything.\n"
    "Let people review: tidegauge reviewers add NAME"
)


def up(  # noqa: PLR0913 - one option per part
    *,
    task: Annotated[list[Path] | None, typer.Option(help="Task file; repeatable.")] = None,
    model: ModelOption = None,
    key: KeyOption = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|embedded",
            help="Your brokers. Default: what is set, else the Kafka of `make kafka` if it runs "
            "here, else embedded.",
        ),
    ] = None,
    clickhouse: Annotated[str | None, typer.Option(help="Your store, http://HOST:PORT.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Show the pages.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes of each stage.")] = 1,
) -> None:
    """Start everything on this machine and stay until Ctrl-C.

    Broker, store and model are embedded unless you give addresses. All addresses are also in
    .tidegauge/run.json, where the other commands find them.

    Example: tidegauge up --task examples/sms_spam.yaml
    """
    settings = settings_here()
    with owned(settings.data):
        if task:
            settings = settings.model_copy(update={"tasks": tuple(task)})
        served(settings)
        if cluster := kafka_here(settings, kafka):
            terminal.note(f"on the Apache Kafka that runs here ({cluster.bootstrap})")
            settings, kafka = on_kafka_here(settings, cluster), cluster.bootstrap
        wanted = Wanted(
            store=settings.data / store_folder(settings, kafka),
            model=model,
            key=key,
            kafka=kafka,
            clickhouse=clickhouse,
            dashboard=dashboard,
            workers=workers,
        )
        asyncio.run(until_interrupted(stay_up(settings, wanted)))


async def stay_up(settings: Settings, wanted: Wanted) -> None:
    """Run an instance, and a new one whenever its embedded broker dies; ends when cancelled."""
    while True:
        terminal.note("starting …")
        try:
            async with instance(settings, wanted, terminal.note) as running:
                terminal.out().print(welcome(running))
                terminal.out().print(NEXT)
                try:
                    await running.failure()
                finally:
                    terminal.note("stopping …")
                    say_what_is_lost(running.settings)
        except BrokerDied as exc:
            terminal.note(f"{exc}; everything is started anew")


def welcome(running: Instance) -> RenderableType:
    """Where everything is, and what kind of thing it is."""
    settings, addresses = running.settings, running.addresses
    embedded = settings.kafka.broker == "embedded"
    said: dict[str, str | Text] = {
        "dashboard": Text(addresses.dashboard or "not started", style="bold"),
        "review desk": addresses.desk or "not started",
        "kafka": f"{addresses.kafka}  ({'embedded' if embedded else 'Apache Kafka'})",
        "clickhouse": addresses.clickhouse,
        "model": f"{addresses.model}  ({settings.model.kind})",
        "metrics": addresses.metrics,
        "tasks": ", ".join(f"{task.name} {task.version}" for task in running.tasks.values()),
        "logs": str(settings.data / "logs"),
    }
    parts: list[RenderableType] = [
        Text(),
        terminal.titled("tidegauge is up", terminal.pairs(said)),
        Text(),
    ]
    if embedded:
        parts.append(
            Text(
                "The embedded broker is for trying out: about 5 MB a partition, in memory only.\n"
                "Real Kafka: `make kafka` (with Java and Maven), then tidegauge up; or your own, "
                "tidegauge up --kafka HOST:PORT",
                style="yellow",
            )
        )
    if settings.model.kind == "scripted":
        parts.append(Text("The scripted model is no model: it answers from a key.", style="yellow"))
    return Group(*parts)


def say_what_is_lost(settings: Settings) -> None:
    """Name what the embedded broker takes along when it ends: whatever is still on its way."""
    if settings.kafka.broker != "embedded":
        return
    try:
        with closing(connect_sync(settings.clickhouse)) as store:
            left = ledger(store, whole("")).in_flight
    except TidegaugeError as exc:
        terminal.note(f"what is still on its way cannot be counted: {exc}")
        return
    if left:
        terminal.note(
            f"{left:,} samples were still on their way; the embedded broker kept them in memory "
            "only. The next start makes dead letters of them, which can be replayed."
        )
