"""`tidegauge alarms`: what moved, and the two things a person can do about it."""

import asyncio
import getpass
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from models.drift import WHOLE_TASK, AlarmAction, Signal, reading_key
from models.errors import BrokerUnavailable, ConfigurationError, Unavailable
from models.settings import Settings
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.cli.ids import one_of
from streams.cli.summary import alarm_facts, alarms_text, whole
from streams.delivery.kafka import new_producer, reach
from streams.store.client import Store, connect_sync
from streams.store.figures.alarms import AlarmFigure, alarms
from streams.topics import Topics

app = group("List alarms, acknowledge or re-baseline them.")

WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.5

AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="Its id, or the first digits.")]
Note = Annotated[str, typer.Option(help="What you know about it; kept with the action.")]


@app.command("list")
def list_alarms(
    *,
    task: Annotated[str, typer.Option(help="Of one task only.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List alarms, newest first: what moved, on which slice, since when, from what to what.

    Example: tidegauge alarms list
    """
    store = connect_sync(settings_here().clickhouse)
    found = [alarm_facts(alarm) for alarm in alarms(store, whole(task))]
    if json_:
        terminal.echo_json(found)
        return
    terminal.out().print(alarms_text(found) or "no alarms")


@app.command()
def acknowledge(alarm: AlarmId, *, note: Note = "") -> None:
    """Say that you have seen an alarm; its detector looks on against the same baseline.

    Example: tidegauge alarms acknowledge 5c1e --note "new campaign, known"
    """
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    found = one_alarm(alarms(store, whole("")), alarm)
    if found.state != "open":
        raise ConfigurationError(f"alarm {found.alarm_id[:8]} is {found.state} already")
    action = AlarmAction(
        task=found.task,
        slice=found.slice,
        signal=_signal(found),
        action="acknowledge",
        by=getpass.getuser(),
        note=note,
        at=datetime.now(UTC),
    )
    asyncio.run(_act(settings, action))
    _await_state(store, found)


@app.command()
def rebaseline(
    alarm: Annotated[str, typer.Argument(help="An alarm's id; or name --task.")] = "",
    *,
    task: Annotated[str, typer.Option(help="Instead of an alarm: this task,")] = "",
    slice_: Annotated[str, typer.Option("--slice", help="this slice of it (tag=value),")] = "",
    note: Note = "",
) -> None:
    """Learn a new normal: closes the alarms of a slice and collects a fresh baseline.

    Do it when the new state of affairs is right, e.g. after a better model went live.

    Example: tidegauge alarms rebaseline 5c1e --note "model 4 is live"
    """
    if bool(alarm) == bool(task):
        raise ConfigurationError("name an alarm, or --task (and --slice)")
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    found = one_alarm(alarms(store, whole("")), alarm) if alarm else None
    action = AlarmAction(
        task=found.task if found else task,
        slice=found.slice if found else slice_ or WHOLE_TASK,
        signal=_signal(found) if found else None,
        action="rebaseline",
        by=getpass.getuser(),
        note=note,
        at=datetime.now(UTC),
    )
    asyncio.run(_act(settings, action))
    if found and found.state != "closed":
        _await_state(store, found)
    else:
        terminal.out().print("asked for a new baseline; `tidegauge report` shows it filling")


def one_alarm(found: Sequence[AlarmFigure], wanted: str) -> AlarmFigure:
    """The alarm whose id starts so.

    Raises:
        ConfigurationError: none or several do.
    """
    return one_of(found, wanted, lambda alarm: alarm.alarm_id, ("alarm", "tidegauge alarms list"))


def _signal(alarm: AlarmFigure) -> Signal:
    signal: Signal = alarm.signal  # type: ignore[assignment]  # stored from an Alarm
    return signal


async def _act(settings: Settings, action: AlarmAction) -> None:
    producer = new_producer(settings)
    await reach(producer, settings)
    key = reading_key(action.task, action.slice)
    try:
        topic = Topics.of(settings.kafka).readings
        await producer.send_and_wait(topic, action.encode(), key=key)
    except KafkaError as exc:
        raise BrokerUnavailable(f"the action was not stored: {exc!r}") from exc
    finally:
        await producer.stop()


def _await_state(store: Store, before: AlarmFigure) -> None:
    """Wait until the drift stage has taken the action and the store shows it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        now = one_alarm(alarms(store, whole(before.task)), before.alarm_id)
        if now.state != before.state:
            terminal.out().print(f"alarm {now.alarm_id[:8]} is {now.state}")
            return
        time.sleep(_LOOK_SECONDS)
    raise Unavailable(
        f"the action is on Kafka, but alarm {before.alarm_id[:8]} is still {before.state} after "
        f"{WAIT_SECONDS:.0f} s; is the drift stage running? (`tidegauge doctor`)"
    )
