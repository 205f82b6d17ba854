"""Dead letters for samples that an embedded broker took along when it ended."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from models.dead_letter import DeadLetter
from models.rows import DeadLetterRow, precedence
from models.sample import Sample, Source
from models.settings import SampleFields, Settings
from streams.store.client import Store
from streams.store.unfinished import unfinished
from streams.wire import as_record

STAGE = "broker"
ERROR = "BrokerEnded"
DETAIL = (
    "the embedded broker ended while the sample was on its way; it keeps records in memory only"
)


def bury_lost(store: Store, settings: Settings, now: datetime) -> int:
    """Make a dead letter of every sample that an earlier broker lost; how many there were."""
    count = 0
    while found := unfinished(store, settings.kafka.incarnation):
        store.insert([lost_letter(row, settings.kafka.fields, now) for row in found])
        count += len(found)
    return count


def lost_letter(row: Mapping[str, Any], fields: SampleFields, now: datetime) -> DeadLetterRow:
    """The dead letter of one row of `samples`; complete if the sample can be rebuilt from it."""
    source = Source(
        incarnation=row["incarnation"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        at=row["event_time"],
    )
    body = as_record(rebuilt(row), fields) if row["readable"] else row["text"].encode()
    letter = DeadLetter(
        stage=STAGE,
        source=source,
        sample_key=row["sample_key"],
        sample_source=source,
        task=row["task"],
        run=row["run"],
        error=ERROR,
        attempts=0,
        length=len(body),
        at=now,
    )
    return DeadLetterRow(
        run=letter.run,
        task=letter.task,
        sample_key=letter.sample_key,
        event_time=source.at,
        letter_id=letter.letter_id,
        stage=STAGE,
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        incarnation=source.incarnation,
        error=ERROR,
        detail=DETAIL,
        attempts=0,
        replays=0,
        length=letter.length,
        sha256="",
        complete=row["readable"],
        null=False,
        key=base64.b64encode(row["id"].encode()).decode(),
        body=base64.b64encode(body).decode(),
        at=now,
        stored_at=now,
        precedence=precedence(source),
    )


def rebuilt(row: Mapping[str, Any]) -> Sample:
    """The sample as it came in, but for parts that were empty."""
    return Sample(
        id=row["id"],
        text=row["text"],
        task=row["task"],
        context=row["context"] or None,
        response=row["response"] or None,
        tags=row["tags"],
        created_at=row["created_at"],
        provenance=row["provenance"],
        run=row["run"],
        reference=tuple(row["reference"]) or None,
    )
