"""Which model a command uses: one that runs, one that is set, or one started for the occasion."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from models.settings import Settings
from models.task import Task
from streams.cli import terminal
from streams.embedded.child import Event, Happening
from streams.embedded.parts import Wanted, foundation, own_parts, resolved
from streams.embedded.supervisor import Supervisor

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="local|scripted|URL",
        help="local: the small model from the extra; scripted: answers from --key, no real model; "
        "or an OpenAI-compatible address. Default: what is set, else local.",
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="Key of the scripted model: JSONL with text, label.")
]


@asynccontextmanager
async def model_at(
    settings: Settings, wanted: Wanted, tasks: dict[Path, Task]
) -> AsyncIterator[Settings]:
    """Settings whose model endpoint answers: started here if none is set, stopped at the end."""
    own = own_parts(settings, wanted)
    own = type(own)(broker=False, clickhouse=False, model=own.model)
    own.check_installed()
    async with Supervisor(settings.data / "logs", _tell_trouble) as supervisor:
        children = foundation(settings, wanted, own, tasks)
        if children:
            terminal.note("starting the model …")
        facts = await supervisor.start(*children)
        yield resolved(settings, wanted, facts, incarnation=0)


def _tell_trouble(event: Event) -> None:
    if event.happening in (Happening.DIED, Happening.MISCONFIGURED):
        terminal.note(str(event))
