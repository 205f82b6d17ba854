"""`tidegauge report`: the Overview's figures in the terminal."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from models.errors import ConfigurationError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.summary import recent, rendered, summary, whole
from streams.store.client import Store, connect_sync
from streams.store.figures.choices import tasks

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"^([1-9][0-9]{0,5})([mhd])$")


def report(
    *,
    task: Annotated[str, typer.Option(help="Which task; needed when there are several.")] = "",
    run: Annotated[str, typer.Option(help="An evaluation run instead of live traffic.")] = "",
    since: Annotated[str, typer.Option(help="Live traffic of the last 30m, 24h, 7d.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Print how good the labels are now: ledger, quality with intervals, alarms, cost.

    Example: tidegauge report --task sms_spam --since 24h
    """
    span = parse_span(since) if since else None
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    name = task or the_task(store, settings)
    scope = whole(name, run) if span is None or run else recent(name, span)
    facts = summary(store, scope)
    if json_:
        terminal.echo_json(facts)
        return
    if not facts["samples_in"]:
        terminal.out().print(f"no samples of task {name!r} yet; send some with `tidegauge send`")
        return
    terminal.out().print(rendered(facts))
    if settings.dashboard_url:
        terminal.out().print(f"\nmore at {settings.dashboard_url}", markup=False)


def the_task(store: Store, settings: Settings) -> str:
    """The task a person means who names none: the default one, or the only one.

    Raises:
        ConfigurationError: there are several, or none.
    """
    if settings.default_task:
        return settings.default_task
    known = tasks(store)
    if len(known) == 1:
        return known[0]
    if not known:
        raise ConfigurationError("the store knows no task yet; send samples first, or use --task")
    raise ConfigurationError(f"which task? --task one of: {terminal.joined(known)}")


def parse_span(text: str) -> timedelta:
    """A stretch of time.

    >>> parse_span("36h")
    datetime.timedelta(days=1, seconds=43200)

    Raises:
        ConfigurationError: it is not of the form 30m, 24h or 7d.
    """
    found = _SPAN.match(text)
    if found is None:
        raise ConfigurationError(f"--since {text!r}: write it as 30m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
