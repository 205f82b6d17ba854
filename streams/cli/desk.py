"""`tidegauge desk`: the review desk as a process of its own, and care for its queue."""

import asyncio

import typer

from models.settings import Settings
from streams.cli import desk_copies
from streams.cli.groups import LOOK
from streams.cli.here import settings_here
from streams.cli.interrupts import until_interrupted
from streams.cli.processes import run_stages
from streams.embedded.parts import workers
from streams.embedded.ports import free_port

app = typer.Typer(
    **LOOK | {"no_args_is_help": False},  # type: ignore[arg-type]
    invoke_without_command=True,
)


@app.callback()
def desk(ctx: typer.Context) -> None:
    """Run the review desk until Ctrl-C, or look after its queue with a command below.

    It reads `reviews`, lends items to reviewers through its API, and publishes `decisions`; if it
    dies it is started again. It listens on this machine only, unless TIDEGAUGE_DESK__HOST is set.

    Example: tidegauge desk
    """
    if ctx.invoked_subcommand is None:
        settings = with_port(settings_here())
        asyncio.run(until_interrupted(run_stages(settings, workers(settings, ["desk"]))))


app.command()(desk_copies.backup)
app.command()(desk_copies.restore)


def with_port(settings: Settings) -> Settings:
    """With a port that stays the same when the desk is started again."""
    if settings.desk.port:
        return settings
    desk_settings = settings.desk.model_copy(update={"port": free_port()})
    return settings.model_copy(update={"desk": desk_settings})
