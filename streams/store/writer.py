"""From a Kafka record to its row: pure, and always one row for one record.

What cannot be read on `samples` is a sample all the same (not readable, so the books know of it);
what cannot be read elsewhere came from a foreign or newer writer and becomes a dead letter.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import ValidationError

from models.annotation import Annotation, Missing, joined
from models.dead_letter import BODY_HEAD, DeadLetter
from models.drift import Alarm
from models.errors import InvalidRecord, TidegaugeError
from models.result import Result, Route
from models.review import Decision, ReviewTask
from models.rows import (
    AlarmRow,
    DeadLetterRow,
    DecisionRow,
    ResultRow,
    ReviewRow,
    Row,
    SampleRow,
    precedence,
)
from models.sample import Sample
from models.settings import SampleFields
from models.verdict import Verdict
from streams.delivery.dead_letters import LETTER, Bury, Identity
from streams.delivery.records import Incoming, header
from streams.intake import at_path, read_sample, unreadable_key

Kind = Literal["samples", "results", "reviews", "decisions", "alarms", "dead_letters"]
"""The topics that the sink stores, by their names in `streams.topics.Topics`."""

KINDS: tuple[Kind, ...] = get_args(Kind)

_SAMPLE_KEY = re.compile(r"[0-9a-f]{32}")
_NAME_LIMIT = 100


@dataclass(frozen=True)
class SampleForm:
    """How records on `samples` are read: by which fields, and for which task unless they say."""

    fields: SampleFields
    default_task: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One record ready to be stored.

    Attributes:
        key: its identity on its topic; a later record with the same one is a repeat.
    """

    kind: Kind
    key: str
    record: Incoming
    row: Row


def entry_of(kind: Kind, record: Incoming, form: SampleForm, stored_at: datetime) -> Entry:
    """What one record comes to.

    Raises:
        InvalidRecord: it does not belong on this topic; never raised for `samples`.
    """
    if kind == "samples":
        sample_row = _sample_row(record, form, stored_at)
        return Entry(kind, sample_row.sample_key, record, sample_row)
    if record.null and kind != "dead_letters":
        raise InvalidRecord("the value is null")
    try:
        key, row = _CONVERSIONS[kind](record, stored_at)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in error["loc"]) or "record"
        raise InvalidRecord(f"no record of {kind}: {place}: {error['msg']}") from exc
    return Entry(kind, key, record, row)


def bare(row: SampleRow) -> SampleRow:
    """A sample whose content could not be stored: it still counts in the books."""
    nothing: dict[str, Any] = {"id": "", "text": "", "context": "", "response": ""}
    return row.model_copy(
        update=nothing | {"tags": {}, "reference": (), "created_at": None, "readable": False}
    )


def identity_of(entry: Entry) -> Identity:
    """The sample an entry is about; an alarm is about none."""
    row, source = entry.row, entry.record.source
    at = getattr(row, "event_time", source.at)
    return Identity(
        sample_key=getattr(row, "sample_key", ""),
        source=source if at == source.at else source.model_copy(update={"at": at}),
        task=getattr(row, "task", ""),
        run=getattr(row, "run", ""),
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
    """The sink's own dead letter of a record, which goes straight to its table."""
    bury = Bury("", "sink", lambda _: who, stored_at.timestamp)
    buried = bury(record, error, 1)
    _, row = _dead_letter(
        Incoming(record.source, buried.key, buried.value, buried.headers), stored_at
    )
    return row


def _short_text(value: Any) -> str:
    return value[:_NAME_LIMIT] if isinstance(value, str) else ""


def _sample_row(record: Incoming, form: SampleForm, stored_at: datetime) -> SampleRow:
    try:
        intake = read_sample(record, form.fields, form.default_task)
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


def _result(record: Incoming, stored_at: datetime) -> tuple[str, ResultRow]:
    result = Result.model_validate_json(record.value)
    sample = result.sample
    row = ResultRow(
        run=sample.run,
        task=sample.task,
        sample_key=result.sample_key,
        event_time=result.source.at,
        result_id=result.result_id,
        id=sample.id,
        state=result.state,
        task_version=result.task.name,
        task_hash=result.task.hash,
        provenance=sample.provenance,
        tags=sample.tags,
        reference=sample.reference or (),
        **_annotation_cells(result.annotation, result.annotation_missing),
        **_verdict_cells(result.verdict, result.verdict_missing),
        policy=result.policy.name,
        policy_hash=result.policy.hash,
        **_route_cells(result.route),
        incarnation=record.source.incarnation,
        partition=record.source.partition,
        offset=record.source.offset,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return result.sample_key, row


def _annotation_cells(made: Annotation | None, missing: Missing | None) -> dict[str, Any]:
    return {
        "annotation_id": made.annotation_id if made else "",
        "annotation_missing": missing.why if missing else "",
        "annotation_detail": missing.detail if missing else "",
        "label": made.label if made else "",
        "labels": made.labels if made else (),
        "scores": made.scores if made else {},
        "confidence": made.confidence if made else None,
        "confidence_source": (made.confidence_source if made else None) or "",
        "annotator": made.annotator.name if made else "",
        "annotator_hash": made.annotator.hash if made else "",
        "annotator_model": made.model if made else "",
        "annotation_calibrator": (made.calibrator if made else None) or "",
        "cached": made.cached if made else False,
        **_answer_cells("annotation", made),
    }


def _verdict_cells(made: Verdict | None, missing: Missing | None) -> dict[str, Any]:
    scores = made.scores if made else ()
    return {
        "verdict_id": made.verdict_id if made else "",
        "verdict_missing": missing.why if missing else "",
        "verdict_detail": missing.detail if missing else "",
        "judge": made.judge.name if made else "",
        "judge_hash": made.judge.hash if made else "",
        "judge_kind": made.kind if made else "",
        "judge_model": made.model if made else "",
        "judge_label": (made.label if made else None) or "",
        "judge_score": made.p_correct if made else None,
        "judge_reason": made.reason if made else "",
        "criteria": tuple(score.criterion.name for score in scores),
        "criterion_versions": tuple(score.criterion.hash for score in scores),
        "criterion_scores": tuple(score.score for score in scores),
        "criterion_reasons": tuple(score.reason for score in scores),
        **_answer_cells("verdict", made),
    }


def _answer_cells(prefix: str, made: Annotation | Verdict | None) -> dict[str, Any]:
    return {
        f"{prefix}_price_usd": made.price_usd if made else None,
        f"{prefix}_latency_ms": made.latency_ms if made else None,
        f"{prefix}_input_tokens": made.usage.input_tokens if made else None,
        f"{prefix}_output_tokens": made.usage.output_tokens if made else None,
        f"{prefix}_calls": made.usage.calls if made else 0,
    }


def _route_cells(route: Route | None) -> dict[str, Any]:
    return {
        "lane": (route.lane if route else None) or "",
        "propensity": route.propensity if route else None,
        "draw": route.draw if route else None,
        "audit": route.audit if route else False,
        "p_correct": route.p_correct if route else None,
    }


def _review(record: Incoming, stored_at: datetime) -> tuple[str, ReviewRow]:
    review = ReviewTask.model_validate_json(record.value)
    row = ReviewRow(
        run=review.sample.run,
        task=review.sample.task,
        sample_key=review.sample_key,
        event_time=review.source.at,
        result_id=review.result_id,
        lane=review.lane,
        propensity=review.propensity,
        audit=review.audit,
        suggestion=review.suggestion,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return review.result_id, row


def _decision(record: Incoming, stored_at: datetime) -> tuple[str, DecisionRow]:
    decision = Decision.model_validate_json(record.value)
    row = DecisionRow(
        run=decision.run,
        task=decision.task.name.partition("/")[0],
        sample_key=decision.sample_key,
        event_time=decision.source.at,
        decision_id=decision.decision_id,
        result_id=decision.result_id,
        reviewer=decision.reviewer,
        answer=decision.answer,
        labels=decision.labels,
        label=joined(decision.labels) if decision.answer == "label" else "",
        reason=decision.reason,
        lane=decision.lane,
        propensity=decision.propensity,
        audit=decision.audit,
        simulated=decision.simulated,
        decided_at=decision.decided_at,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return decision.decision_id, row


def _alarm(record: Incoming, stored_at: datetime) -> tuple[str, AlarmRow]:
    alarm = Alarm.model_validate_json(record.value)
    row = AlarmRow(
        task=alarm.task,
        slice=alarm.slice,
        signal=alarm.signal,
        alarm_id=alarm.alarm_id,
        state=alarm.state,
        detector=alarm.detector,
        direction=alarm.direction,
        at=alarm.at,
        since=alarm.since,
        before=alarm.before.model_dump_json(),
        after=alarm.after.model_dump_json(),
        evidence=alarm.evidence,
        threshold=alarm.threshold,
        examples=alarm.examples,
        by=alarm.by,
        note=alarm.note,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return f"{alarm.alarm_id}/{alarm.state}", row


def _dead_letter(record: Incoming, stored_at: datetime) -> tuple[str, DeadLetterRow]:
    story = header(record.headers, LETTER)
    if story is None:
        raise InvalidRecord(f"no record of dead_letters: header {LETTER} is not there")
    letter = DeadLetter.model_validate_json(story)
    row = DeadLetterRow(
        run=letter.run,
        task=letter.task,
        sample_key=letter.sample_key,
        event_time=letter.sample_source.at,
        letter_id=letter.letter_id,
        stage=letter.stage,
        topic=letter.source.topic,
        partition=letter.source.partition,
        offset=letter.source.offset,
        incarnation=letter.source.incarnation,
        error=letter.error,
        detail=letter.detail,
        attempts=letter.attempts,
        replays=letter.replays,
        length=letter.length,
        sha256=letter.sha256,
        complete=letter.complete,
        null=letter.null,
        key=base64.b64encode(record.key or b"").decode(),
        body=base64.b64encode(record.value).decode(),
        at=letter.at,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return letter.letter_id, row


_CONVERSIONS: dict[Kind, Callable[[Incoming, datetime], tuple[str, Row]]] = {
    "results": _result,
    "reviews": _review,
    "decisions": _decision,
    "alarms": _alarm,
    "dead_letters": _dead_letter,
}
