"""`tidegauge dead-letters`: records that could not be handled, and sending them again."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailable, ConfigurationError, TidegaugeError
from models.settings import Settings
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.cli.ids import one_of
from streams.cli.summary import whole
from streams.delivery.kafka import new_producer, reach
from streams.delivery.records import EVENT_TIME, REPLAY_OF
from streams.intake import REPLAYS
from streams.store.client import connect_sync
from streams.store.figures.operations import latest_dead_letters
from streams.store.letters import StoredLetter, letters, replayable

app = group("List, show and replay dead letters.")

_BODY_SHOWN = 4000
_SHORT = 8

Ids = Annotated[list[str], typer.Argument(help="Letter ids; the first digits are enough.")]


@app.command("list")
def list_letters(
    *,
    task: Annotated[str, typer.Option(help="Of one task only.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the newest dead letters: which stage gave up on what, and why.

    Example: tidegauge dead-letters list
    """
    store = connect_sync(settings_here().clickhouse)
    found: list[Any] = latest_dead_letters(store, whole(task)).to_dict("records")
    if json_:
        terminal.echo_json(found)
        return
    if not found:
        terminal.out().print("no dead letters")
        return
    made = terminal.table("id", "at (UTC)", "stage", "why", ">bytes", "")
    for row in found:
        state = f"sent again {row['replays']}×" if row["replays"] else ""
        made.add_row(
            row["letter_id"][:_SHORT],
            str(row["at"])[:19],
            row["stage"],
            terminal.shown(f"{row['error']}: {row['detail']}", 120),
            f"{row['length']:,}",
            state if row["complete"] else f"{state} head only".strip(),
        )
    terminal.out().print(made)
    terminal.out().print("\ntidegauge dead-letters show ID tells one letter's story")


@app.command()
def show(letter: Annotated[str, typer.Argument(help="A letter id, or its first digits.")]) -> None:
    """Show one dead letter: where it came from, why it is there, and what was kept of it.

    Example: tidegauge dead-letters show 3f2a
    """
    found = _one(letters(connect_sync(settings_here().clickhouse), [letter]), letter)
    body = base64.b64decode(found.body)
    said = {
        "letter": found.letter_id,
        "sample": found.sample_key,
        "event time": str(found.event_time),
        "at": str(found.at),
        "stage": found.stage,
        "task": found.task or "–",
        "record": f"{found.topic} [{found.partition}] at offset {found.offset:,}",
        "why": f"{found.error}: {found.detail}",
        "attempts": f"{found.attempts}; sent again {found.replays} times",
        "length": f"{found.length:,} bytes" + ("" if found.complete else "; only its head is kept"),
        "now": "its sample went on since" if found.later else "its sample is dead-lettered",
        "replay": found.obstacle or f"tidegauge dead-letters replay {found.letter_id[:_SHORT]}",
    }
    terminal.out().print(terminal.pairs(said))
    terminal.out().print()
    text = "(null)" if found.null else body.decode("utf-8", "backslashreplace")
    terminal.out().print(terminal.shown(text, _BODY_SHOWN))


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Letter ids, or first digits.")] = None,
    *,
    all_: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Every letter whose sample still waits "
            "there; letters that come up meanwhile are left.",
        ),
    ] = False,
) -> None:
    """Send dead letters again, with their original bytes, to the topic they came from.

    A sample keeps its identity and its event time: when it goes through now, its state follows.
    Each may be sent again three times.

    Example: tidegauge dead-letters replay 3f2a 77b0
    """
    if bool(ids) == all_:
        raise ConfigurationError("name the letters, or say --all; `dead-letters list` shows them")
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    found = replayable(store) if ids is None else chosen(letters(store, ids), ids)
    if ids is None and not found:
        terminal.out().print("no dead letter can be sent again")
        return
    for letter in found:
        if letter.obstacle:
            terminal.note(f"{letter.letter_id[:_SHORT]} not sent: {letter.obstacle}")
    ready = [letter for letter in found if not letter.obstacle]
    asyncio.run(_send(settings, ready))
    terminal.out().print(f"{len(ready):,} of {len(found):,} letters sent again")
    if not ready:
        raise TidegaugeError("nothing could be sent again")


def chosen(found: Sequence[StoredLetter], ids: Sequence[str]) -> list[StoredLetter]:
    """One letter for each id, each letter once.

    Raises:
        ConfigurationError: an id fits no letter, or several.
    """
    picked = {one.letter_id: one for wanted in ids for one in [_one(found, wanted)]}
    return list(picked.values())


def _one(found: Sequence[StoredLetter], wanted: str) -> StoredLetter:
    listed = ("dead letter", "tidegauge dead-letters list")
    return one_of(found, wanted, lambda letter: letter.letter_id, listed)


@dataclass(frozen=True)
class Again:
    """A dead letter as the record that is sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def again(letter: StoredLetter) -> Again:
    """The record of a letter: its own bytes, marked with the sample it stands for and when."""
    headers = [
        (REPLAY_OF, letter.sample_key.encode()),
        (REPLAYS, str(letter.replays + 1).encode()),
        (EVENT_TIME, str(round(letter.event_time.timestamp() * 1000)).encode()),
    ]
    key = base64.b64decode(letter.key) or None
    value = None if letter.null else base64.b64decode(letter.body)
    return Again(letter.topic, letter.partition, key, value, headers)


async def _send(settings: Settings, ready: Sequence[StoredLetter]) -> None:
    producer = new_producer(settings)
    await reach(producer, settings)
    try:
        for letter in ready:
            await _send_one(producer, again(letter))
    except KafkaError as exc:
        raise BrokerUnavailable(f"the broker took no more letters: {exc!r}") from exc
    finally:
        await producer.stop()


async def _send_one(producer: AIOKafkaProducer, record: Again) -> None:
    there = await producer.partitions_for(record.topic)
    await producer.send_and_wait(
        record.topic,
        record.value,
        key=record.key,
        headers=record.headers,
        partition=record.partition if record.partition in there else None,
    )
