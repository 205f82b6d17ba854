"""`tidegauge reviewers`: who may work the queue. Works on the queue's database, desk or no desk."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from models.desk import Account, AccountRole, NewAccount
from models.errors import ConfigurationError
from models.settings import Settings
from models.task_file import load_tasks
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.desk import queue

app = group("Make, list and revoke reviewers' accounts.")


@contextmanager
def queue_here(settings: Settings) -> Iterator[queue.Desk]:
    """The queue of this deployment, opened beside a desk that may be running.

    Raises:
        ConfigurationError: its database cannot be used, or a task file is wrong.
        Unavailable: its database does not answer.
    """
    desk = queue.open_desk(settings.desk_database, load_tasks(settings.tasks))
    try:
        yield desk
    finally:
        desk.close()


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Letters, digits and _ . @ -")],
    *,
    role: Annotated[
        AccountRole,
        typer.Option(help="A senior also adjudicates; an admin looks after the desk."),
    ] = "reviewer",
    pool: Annotated[
        list[str] | None, typer.Option(help="Expertise, as task files name it; repeatable.")
    ] = None,
) -> None:
    """Make an account and print its token: this once, the desk itself keeps only a hash of it.

    Everybody also works what needs nobody in particular.

    Example: tidegauge reviewers add ann --role senior --pool german
    """
    new = _new(name, role, tuple(pool or ()))
    settings = settings_here()
    with queue_here(settings) as desk:
        known = {one for task in desk.tasks.values() for one in task.review.pools}
        for stranger in sorted(set(new.pools) - known):
            terminal.note(f"no task served here has a pool {stranger!r} yet")
        made = queue.add_account(desk, getpass.getuser(), new, False, _now())
    terminal.note(
        f"{made.account.name} ({made.account.role}) may sign in at {settings.desk_url} and on the "
        "page with this token. It is not shown again:"
    )
    typer.echo(made.token)


@app.command("list")
def list_(*, json_: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List all accounts, revoked ones too.

    Example: tidegauge reviewers list
    """
    with queue_here(settings_here()) as desk:
        accounts = queue.list_accounts(desk)
    if json_:
        terminal.echo_json([account.model_dump(mode="json") for account in accounts])
        return
    made = terminal.table("name", "role", "pools", "since", "state")
    for account in accounts:
        pools = ", ".join(account.pools)
        since = f"{account.created_at:%Y-%m-%d}"
        made.add_row(account.name, account.role, pools, since, _state(account))
    terminal.out().print(made if accounts else "no accounts: `tidegauge reviewers add NAME`")


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose.")]) -> None:
    """Make an account's token worthless, now; what they decided stays.

    Example: tidegauge reviewers revoke ann
    """
    with queue_here(settings_here()) as desk:
        queue.revoke(desk, getpass.getuser(), name, _now())
    terminal.out().print(f"{terminal.visible(name)} cannot sign in any more", markup=False)


def _state(account: Account) -> str:
    if account.revoked_at is not None:
        return f"revoked {account.revoked_at:%Y-%m-%d}"
    return "simulated" if account.simulated else "active"


def _new(name: str, role: AccountRole, pools: tuple[str, ...]) -> NewAccount:
    try:
        return NewAccount(name=name, role=role, pools=pools)
    except ValidationError as exc:
        error = exc.errors()[0]
        what = "NAME" if error["loc"][0] == "name" else "--pool"
        raise ConfigurationError(f"{what}: {error['input']!r}: {error['msg']}") from exc


def _now() -> datetime:
    return datetime.now(UTC)
