"""`tidegauge simulate-reviewers`: works the review desk from a key, for demos and tests."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from models.desk import NewAccount
from models.settings import Settings
from models.task import Task
from streams.assembly.ground import Running
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.reviewers import queue_here
from streams.desk import queue
from streams.desk.client import DeskClient
from streams.stages.simulate_reviewers import Key, read_key, working
from streams.worker import run

ACTOR = "simulate-reviewers"


def simulate_reviewers(
    key: Annotated[Path, typer.Option(help="JSONL with text and its label (or labels).")],
    *,
    reviewers: Annotated[
        int,
        typer.Option(min=0, max=50, help="How many; 0: as many as the tasks ask for."),
    ] = 0,
) -> None:
    """Work the review desk from a key file, until Ctrl-C; every decision is marked as simulated.

    Makes the accounts simulated-1, simulated-2 … for itself in the queue's database; what the key
    does not know is skipped.

    Example: tidegauge simulate-reviewers --key examples/demo/traffic.jsonl
    """
    settings = settings_here()
    known = read_key(key)
    tokens = signed_up(settings, reviewers)
    terminal.note(
        f"{len(tokens)} simulated reviewers answer from {len(known):,} known texts; "
        "Ctrl-C stops them"
    )
    asyncio.run(run(lambda here, stack: _started(here, stack, (tokens, known)), settings))


def signed_up(settings: Settings, count: int) -> list[str]:
    """New tokens for the simulated reviewers' accounts; those they had are worth nothing now.

    Raises:
        Conflict: a person has one of the names.
    """
    with queue_here(settings) as desk:
        tasks = desk.tasks.values()
        pools = tuple(sorted({pool for task in tasks for pool in task.review.pools}))
        there = {account.name: account for account in queue.list_accounts(desk)}
        tokens = []
        for number in range(1, (count or largest(tasks)) + 1):
            new = NewAccount(name=f"simulated-{number}", pools=pools)
            now = datetime.now(UTC)
            if new.name in there and there[new.name].simulated:
                queue.revoke(desk, ACTOR, new.name, now)
            tokens.append(queue.add_account(desk, ACTOR, new, True, now).token)
    return tokens


def largest(tasks: Iterable[Task]) -> int:
    """The most reviewers that any task asks for; one without tasks.

    >>> largest([])
    1
    """
    return max((task.review.reviewers for task in tasks), default=1)


async def _started(
    settings: Settings, stack: AsyncExitStack, who: tuple[list[str], Key]
) -> Running:
    tokens, key = who
    clients = [DeskClient(settings.desk_url, token) for token in tokens]
    for client in clients:
        stack.callback(client.close)
    return [working(client, key) for client in clients]
