"""`tidegauge up`: everything on this machine, until Ctrl-C."""

import asyncio
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from models.errors import BrokerUnavailable
from models.settings import Settings
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.model_choice import KeyOption, ModelOption
from streams.embedded.instance import instance, served
from streams.embedded.parts import Wanted
from streams.embedded.run_file import owned

Done = TypeVar("Done")

STORE_FOLDER = "store"
TRY_OUT = (
    "The embedded broker is for trying out: it keeps about 5 MB a partition, in memory only. "
    "For real Kafka: --kafka HOST:PORT."
)


def up(
    *,
    task: Annotated[list[Path] | None, typer.Option(help="Task file; repeatable.")] = None,
    model: ModelOption = None,
    kafka: Annotated[str | None, typer.Option(help="Your broker, HOST:PORT.")] = None,
    clickhouse: Annotated[str | None, typer.Option(help="Your store, http://HOST:PORT.")] = None,
    key: KeyOption = None,
    dashboard: Annotated[bool, typer.Option(help="Show the pages.")] = True,
) -> None:
    """Start everything on this machine and stay until Ctrl-C.

    Broker, store and model are embedded unless you give addresses. Addresses are also in
    .tidegauge/run.json, where the other commands find them.

    Example: tidegauge up --task examples/sms_spam.yaml
    """
    settings = settings_here()
    with owned(settings.data):
        if task:
            settings = settings.model_copy(update={"tasks": tuple(task)})
        served(settings)
        wanted = Wanted(
            store=settings.data / STORE_FOLDER,
            model=model,
            kafka=kafka,
            clickhouse=clickhouse,
            key=key,
            dashboard=dashboard,
        )
        asyncio.run(_until_stopped(settings, wanted))


async def _until_stopped(settings: Settings, wanted: Wanted) -> None:
    stop = stop_signal()
    while not stop.is_set():
        try:
            terminal.note("starting …")
            async with instance(settings, wanted, terminal.note) as running:
                terminal.out().print(welcome(running))
                await first_of(stop.wait(), running.failure())
                terminal.note("stopping …")
                said = _in_flight(running.settings)
            if said:
                terminal.note(said)
        except BrokerUnavailable as exc:
            if "died" not in str(exc):
                raise
            terminal.note(
                f"{exc}; all is stopped and starts anew. What it held is gone: "
                "send again what is still in flight (tidegauge report)"
            )
