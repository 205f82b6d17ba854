"""`tidegauge worker` and `tidegauge dashboard`: parts of a deployment as processes."""

import asyncio
from typing import Annotated

import typer

from models.errors import ConfigurationError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.interrupts import until_interrupted
from streams.cli.logs import follow
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.embedded.child import Child, Event, Happening, Listener
from streams.embedded.guards import metrics_served
from streams.embedded.instance import last_word, listener
from streams.embedded.parts import dashboard as dashboard_child
from streams.embedded.parts import dashboard_port, idle_workers, many_workers
from streams.embedded.supervisor import Supervisor
from streams.topics import STAGES, Stage


def worker(
    stages: Annotated[
        str, typer.Option(help=f"Which, with commas between: {', '.join(STAGES)}.")
    ] = ",".join(STAGES),
    workers: Annotated[int, typer.Option(min=1, help="Processes of each stage.")] = 1,
    slot: Annotated[
        str, typer.Option(help="Of the first of them. Default: TIDEGAUGE_SLOT, else 0.")
    ] = "",
) -> None:
    """Run stages, a process or more each, until Ctrl-C or SIGTERM; one that dies is restarted.

    Each stage is a consumer group, so a stage may run on several machines at once: no two of its
    processes may share a slot. Ends with 78 when a stage says that a setting must be mended, and
    with 65 when none is left because most records became dead letters.

    Example: tidegauge worker --stages annotate,judge --workers 2
    """
    settings = settings_here()
    if slot:
        settings = settings.model_copy(update={"slot": slot})
    children = many_workers(settings, parse_stages(stages), workers)
    if idle := idle_workers(settings, workers):
        terminal.note(idle)
    asyncio.run(until_interrupted(run_stages(settings, children)))


async def run_stages(settings: Settings, children: list[Child]) -> None:
    """Keep stages running, with their metrics served and what they log shown.

    Raises:
        ConfigurationError: one of them says that a person must mend something.
        TooManyDeadLetters: all of them gave up.
    """
    with metrics_served(settings) as metrics:
        names = ", ".join(child.name for child in children)
        terminal.note(f"running {names}; metrics at {metrics}; Ctrl-C stops")
        await _run(settings, children)


async def _run(settings: Settings, children: list[Child]) -> None:
    """Keep children running and show what they log.

    Raises:
        ConfigurationError: one of them says that a person must mend something.
        TooManyDeadLetters: all of them gave up.
    """
    fate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tell = _until_all_gave_up(listener(terminal.note, fate), fate, len(children))
    async with Supervisor(settings.data / "logs", tell) as supervisor:
        showing = [asyncio.create_task(follow(supervisor.log_of(one.name))) for one in children]
        try:
            await supervisor.start(*children)
            await fate
        finally:
            for task in showing:
                task.cancel()


def _until_all_gave_up(tell: Listener, fate: "asyncio.Future[None]", count: int) -> Listener:
    """Tells, and fails `fate` once as many children gave up as there are."""
    given_up: set[str] = set()

    def on_event(event: Event) -> None:
        tell(event)
        if event.happening is Happening.GAVE_UP:
            given_up.add(event.name)
            if len(given_up) == count and not fate.done():
                fate.set_exception(TooManyDeadLetters(last_word(event)))

    return on_event


def parse_stages(text: str) -> list[Stage]:
    """The stages in a comma-separated list, in the order of the flow.

    >>> parse_stages("judge, annotate")
    ['annotate', 'judge']

    Raises:
        ConfigurationError: one is not a stage, or none is named.
    """
    named = {part.strip() for part in text.split(",")} - {""}
    if strange := sorted(named - set(STAGES)):
        known = ", ".join(STAGES)
        raise ConfigurationError(f"--stages: {strange[0]!r} is no stage; stages are {known}")
    if not named:
        raise ConfigurationError(f"--stages: name one or more of {', '.join(STAGES)}")
    return [stage for stage in STAGES if stage in named]


def dashboard(
    *, port: Annotated[int, typer.Option(help="Default: 8501 if free, else any.")] = 0
) -> None:
    """Serve the pages on loopback until Ctrl-C; they need the store's address only.

    Example: TIDEGAUGE_CLICKHOUSE__URL=http://store:8123 tidegauge dashboard
    """
    settings = settings_here()
    chosen = port or dashboard_port(settings)
    url = f"http://127.0.0.1:{chosen}"
    terminal.out().print(f"the dashboard is at {url}; Ctrl-C stops it")
    asyncio.run(until_interrupted(_run(settings, [dashboard_child(settings, chosen)])))
