"""From the messages on Kafka to their rows, field by field; what is missing stays empty or null."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from models.annotation import Annotation, Missing, joined
from models.dead_letter import DeadLetter
from models.drift import Alarm
from models.errors import InvalidRecord
from models.result import Result, Route
from models.review import Asked, Decision, Outcome, ReviewTask
from models.rows import (
    AlarmRow,
    DeadLetterRow,
    DecisionRow,
    OutcomeRow,
    ResultRow,
    ReviewRow,
    Row,
    precedence,
)
from models.verdict import Verdict
from streams.delivery.dead_letters import LETTER
from streams.delivery.records import Incoming, header


def result(record: Incoming, stored_at: datetime) -> tuple[str, ResultRow]:
    """The key and row of a record on `results`."""
    found = Result.model_validate_json(record.value)
    sample = found.sample
    row = ResultRow(
        run=sample.run,
        task=sample.task,
        sample_key=found.sample_key,
        event_time=found.source.at,
        result_id=found.result_id,
        id=sample.id,
        state=found.state,
        task_version=found.task.name,
        task_hash=found.task.hash,
        provenance=sample.provenance,
        tags=sample.tags,
        reference=sample.reference or (),
        **_annotation_cells(found.annotation, found.annotation_missing),
        **_verdict_cells(found.verdict, found.verdict_missing),
        policy=found.policy.name,
        policy_hash=found.policy.hash,
        **_route_cells(found.route),
        incarnation=record.source.incarnation,
        partition=record.source.partition,
        offset=record.source.offset,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return found.sample_key, row


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


def review(record: Incoming, stored_at: datetime) -> tuple[str, ReviewRow]:
    """The key and row of a record on `reviews`."""
    found = ReviewTask.model_validate_json(record.value)
    row = ReviewRow(
        run=found.sample.run,
        task=found.sample.task,
        sample_key=found.sample_key,
        event_time=found.source.at,
        result_id=found.result_id,
        lane=found.lane,
        propensity=found.propensity,
        audit=found.audit,
        suggestion=found.suggestion,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return found.result_id, row


def decision(record: Incoming, stored_at: datetime) -> tuple[str, DecisionRow]:
    """The key and row of a decision on `decisions`."""
    found = Decision.model_validate_json(record.value)
    row = DecisionRow(
        **_asked_cells(found),
        sample_key="" if found.role == "gold" else found.sample_key,
        decision_id=found.decision_id,
        reviewer=found.reviewer,
        answer=found.answer,
        labels=found.labels,
        label=joined(found.labels) if found.answer == "label" else "",
        reason=found.reason,
        decided_at=found.decided_at,
        role=found.role,
        measured=found.against is not None,
        against=found.against or (),
        seconds=found.seconds,
        suggestion_shown=found.suggestion_shown,
        bulk=found.bulk,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return found.decision_id, row


def outcome(record: Incoming, stored_at: datetime) -> tuple[str, OutcomeRow]:
    """The key and row of an outcome on `decisions`."""
    found = Outcome.model_validate_json(record.value)
    labelled = found.state == "reviewed" and not found.ambiguous
    row = OutcomeRow(
        **_asked_cells(found),
        sample_key=found.sample_key,
        state=found.state,
        labels=found.labels if labelled else (),
        label=joined(found.labels) if labelled else "",
        ambiguous=found.ambiguous,
        answers=found.answers,
        agreed=found.agreed,
        adjudicated=found.adjudicated,
        at=found.at,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return found.result_id, row


def _asked_cells(found: Asked) -> dict[str, Any]:
    return {
        "run": found.run,
        "task": found.task.name.partition("/")[0],
        "event_time": found.source.at,
        "result_id": found.result_id,
        "lane": found.lane,
        "propensity": found.propensity,
        "audit": found.audit,
        "simulated": found.simulated,
    }


def alarm(record: Incoming, stored_at: datetime) -> tuple[str, AlarmRow]:
    """The key and row of a record on `alarms`: each state of an alarm has its own."""
    found = Alarm.model_validate_json(record.value)
    row = AlarmRow(
        task=found.task,
        slice=found.slice,
        signal=found.signal,
        alarm_id=found.alarm_id,
        state=found.state,
        detector=found.detector,
        direction=found.direction,
        at=found.at,
        since=found.since,
        before=found.before.model_dump_json(),
        after=found.after.model_dump_json(),
        evidence=found.evidence,
        threshold=found.threshold,
        examples=found.examples,
        by=found.by,
        note=found.note,
        stored_at=stored_at,
        precedence=precedence(record.source),
    )
    return f"{found.alarm_id}/{found.state}", row


def dead_letter(record: Incoming, stored_at: datetime) -> tuple[str, DeadLetterRow]:
    """The key and row of a record on `dead-letters`.

    Raises:
        InvalidRecord: its story is not there.
    """
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


CONVERSIONS: Mapping[str, Callable[[Incoming, datetime], tuple[str, Row]]] = {
    "results": result,
    "reviews": review,
    "decisions": decision,
    "outcomes": outcome,
    "alarms": alarm,
    "dead_letters": dead_letter,
}
