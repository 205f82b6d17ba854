"""From a Kafka record to its row: pure, and always one row for one record.

What cannot be read on `samples` is a sample all the same (not readable, so the books know of it);
what cannot be read elsewhere came from a foreign or newer writer and becomes a dead letter.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import ValidationError

from models.dead_letter import BODY_HEAD
from models.errors import InvalidRecord, TidegaugeError
from models.record import Record
from models.rows import DeadLetterRow, Row, SampleRow, precedence
from models.sample import Sample
from streams.delivery.dead_letters import Bury, Identity
from streams.delivery.records import Incoming
from streams.intake import SampleForm, at_path, read_sample, unreadable_key
from streams.store.conversions import CONVERSIONS, dead_letter

StoredTopic = Literal["samples", "results", "reviews", "decisions", "alarms", "dead_letters"]
"""The topics that the sink stores, by their names in `streams.topics.Topics`."""

STORED_TOPICS: tuple[StoredTopic, ...] = get_args(StoredTopic)

Kind = StoredTopic | Literal["outcomes"]
"""What a record is, and the table it has: its topic's, but `decisions` carries outcomes, too."""

KINDS: tuple[Kind, ...] = (*STORED_TOPICS, "outcomes")

_SAMPLE_KEY = re.compile(r"[0-9a-f]{32}")
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One record ready to be stored.

    Attributes:
        key: its identity among its kind; a later record with the same one is a repeat.
    """

    kind: Kind
    key: str
    record: Incoming
    row: Row


def entry_of(topic: StoredTopic, record: Incoming, form: SampleForm, stored_at: datetime) -> Entry:
    """What one record comes to.

    Raises:
        InvalidRecord: it does not belong on this topic; never raised for `samples`.
    """
    if topic == "samples":
        sample_row = _sample_row(record, form, stored_at)
        return Entry(topic, sample_row.sample_key, record, sample_row)
    if record.null and topic != "dead_letters":
        raise InvalidRecord("the value is null")
    try:
        kind = _kind_of(topic, record)
        key, row = CONVERSIONS[kind](record, stored_at)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in error["loc"]) or "record"
        raise InvalidRecord(f"no record of {topic}: {place}: {error['msg']}") from exc
    return Entry(kind, key, record, row)


class _Spoken(Record):
    """What a record on `decisions` says that it is; one that says nothing is a decision."""

    kind: Literal["decision", "outcome"] = "decision"


def _kind_of(topic: StoredTopic, record: Incoming) -> Kind:
    if topic == "decisions" and _Spoken.model_validate_json(record.value).kind == "outcome":
        return "outcomes"
    return topic


def bare(row: SampleRow) -> SampleRow:
    """A sample whose content could not be stored: it still counts in the books."""
    nothing: dict[str, Any] = {"id": "", "text": "", "context": "", "response": ""}
    return row.model_copy(
        update=nothing | {"tags": {}, "reference": (), "created_at": None, "readable": False}
    )


def stored(entry: Entry, at: datetime) -> Entry:
    """The entry with the moment that its row is said to be stored."""
    if getattr(entry.row, "stored_at", at) == at:
        return entry
    return replace(entry, row=entry.row.model_copy(update={"stored_at": at}))


def event_time_of(entry: Entry) -> datetime:
    """The event time an entry carries; an alarm has its record's own."""
    at: datetime = getattr(entry.row, "event_time", entry.record.source.at)
    return at


def identity_of(entry: Entry) -> Identity:
    """The sample an entry is about; an alarm is about none."""
    return Identity(
        sample_key=getattr(entry.row, "sample_key", ""),
        source=entry.record.source.model_copy(update={"at": event_time_of(entry)}),
        task=getattr(entry.row, "task", ""),
        run=getattr(entry.row, "run", ""),
    )


def claimed_identity(record: Incoming) -> Identity:
    """The sample that an unreadable record says it is about, as far as that can be made out."""
    try:
        content = json.loads(record.value)
    except (ValueError, RecursionError):
        content = None
    sample_key, run = at_path(content, "sample_key"), at_path(content, "sample.run")
    if not (isinstance(sample_key, str) and _SAMPLE_KEY.fullmatch(sample_key)):
        return Identity("", record.source)
    task = at_path(content, "sample.task")
    return Identity(sample_key, record.source, _short_text(task), _short_text(run))


def letter_of(
    record: Incoming, who: Identity, error: TidegaugeError, stored_at: datetime
) -> DeadLetterRow:
    """The sink's own dead letter of a record, which goes straight to its table.

    It is as old as the record, so that the same letter written again says the same.
    """
    bury = Bury("", "sink", lambda _: who, record.source.at.timestamp)
    buried = bury(record, error, 1)
    _, row = dead_letter(
        Incoming(record.source, buried.key, buried.value, buried.headers), stored_at
    )
    return row


def _short_text(value: Any) -> str:
    """A name out of foreign JSON, which may hold halves of characters."""
    text = value[:_NAME_LIMIT] if isinstance(value, str) else ""
    return text.encode("utf-8", "backslashreplace").decode()


def _sample_row(record: Incoming, form: SampleForm, stored_at: datetime) -> SampleRow:
    try:
        intake = read_sample(record, form)
    except InvalidRecord:
        text = record.value[:BODY_HEAD].decode("utf-8", "backslashreplace")
        sample = Sample.model_construct(id="", text=text)
        return _row_of_sample(sample, unreadable_key(record), record, stored_at, readable=False)
    return _row_of_sample(intake.sample, intake.sample_key, record, stored_at, readable=True)


def _row_of_sample(
    sample: Sample, sample_key: str, record: Incoming, stored_at: datetime, *, readable: bool
) -> SampleRow:
    source = record.source
    return SampleRow(
        run=sample.run,
        task=sample.task,
        sample_key=sample_key,
        event_time=source.at,
        id=sample.id,
        text=sample.text,
        context=sample.context or "",
        response=sample.response or "",
        tags=sample.tags,
        provenance=sample.provenance,
        reference=sample.reference or (),
        created_at=sample.created_at,
        readable=readable,
        incarnation=source.incarnation,
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        stored_at=stored_at,
        precedence=precedence(source),
    )
