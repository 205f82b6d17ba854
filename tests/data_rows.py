"""Plausible rows, one at a time: each maker fills every column, and changes replace some."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.drift import Summary
from models.identity import digest
from models.rows import (
    MAX_PRECEDENCE,
    AlarmRow,
    DeadLetterRow,
    DecisionRow,
    HealthRow,
    OutcomeRow,
    ResultRow,
    ReviewRow,
    Row,
    SampleRow,
)

TASK = "messages"
VERSION = ("messages/1", "a1b2c3d4e5f6")


def moment(minute: float = 0.0) -> datetime:
    """A fixed day, so many minutes after noon."""
    return datetime(2026, 3, 4, 12, tzinfo=UTC) + timedelta(minutes=minute)


def sample_row(ident: str, at: datetime, *, offset: int, text: str = "hi", **changes: Any) -> Row:
    """A live sample; changes replace columns."""
    values: dict[str, Any] = {
        "run": "",
        "task": TASK,
        "sample_key": digest("sample", ident, text),
        "event_time": at,
        "id": ident,
        "text": text,
        "context": "",
        "response": "",
        "tags": {"lang": "en"},
        "provenance": "live",
        "reference": (),
        "created_at": None,
        "readable": True,
        "incarnation": 0,
        "topic": "tidegauge.samples",
        "partition": offset % 4,
        "offset": offset,
        "stored_at": at + timedelta(milliseconds=300),
        "precedence": MAX_PRECEDENCE - offset,
    }
    return SampleRow(**values | changes)


def result_row(sample: Row, label: str, **changes: Any) -> Row:
    """What a sample came to: accepted with the given label; changes replace columns."""
    s = sample.model_dump()
    key = s["sample_key"]
    values: dict[str, Any] = {
        name: s[name]
        for name in [
            "run",
            "task",
            "sample_key",
            "event_time",
            "id",
            "provenance",
            "tags",
            "reference",
            "incarnation",
            "partition",
            "offset",
            "precedence",
        ]
    }
    values |= {
        "result_id": digest("result", key),
        "state": "accepted",
        "task_version": VERSION[0],
        "task_hash": VERSION[1],
        "annotation_id": digest("annotation", key),
        "annotation_missing": "",
        "annotation_detail": "",
        "label": label,
        "labels": (label,),
        "scores": {label: 0.9},
        "confidence": 0.9,
        "confidence_source": "logprob",
        "annotator": "first-view",
        "annotator_hash": "0f1e2d3c4b5a",
        "annotator_model": "smollm2-135m",
        "annotation_calibrator": "c0ffee",
        "annotation_price_usd": 0.00002,
        "annotation_latency_ms": 80.0,
        "annotation_input_tokens": 150,
        "annotation_output_tokens": 1,
        "annotation_calls": 1,
        "cached": False,
        "verdict_id": digest("verdict", key),
        "verdict_missing": "",
        "verdict_detail": "",
        "judge": "second-view",
        "judge_hash": "a0b0c0d0e0f0",
        "judge_kind": "second_view",
        "judge_model": "smollm2-135m",
        "judge_label": label,
        "judge_score": 0.8,
        "judge_reason": "",
        "criteria": (),
        "criterion_versions": (),
        "criterion_scores": (),
        "criterion_reasons": (),
        "verdict_price_usd": 0.00002,
        "verdict_latency_ms": 90.0,
        "verdict_input_tokens": 160,
        "verdict_output_tokens": 1,
        "verdict_calls": 1,
        "policy": f"{TASK}/1",
        "policy_hash": "beefbeefbeef",
        "lane": "",
        "propensity": 0.1,
        "draw": 0.5,
        "audit": False,
        "p_correct": 0.85,
        "stored_at": s["event_time"] + timedelta(milliseconds=900),
    }
    return ResultRow(**values | changes)


def decision_row(result: Row, label: str, **changes: Any) -> Row:
    """A person's answer to a result, ambiguous without a label; changes replace columns."""
    r = result.model_dump()
    at = r["event_time"] + timedelta(seconds=40)
    reviewer, role = changes.get("reviewer", "ana"), changes.get("role", "review")
    values: dict[str, Any] = {name: r[name] for name in _ASKED} | {
        "decision_id": digest("decision", r["result_id"], reviewer, role),
        "reviewer": "ana",
        "answer": "label" if label else "ambiguous",
        "labels": (label,) if label else (),
        "label": label,
        "reason": "",
        "simulated": False,
        "decided_at": at,
        "role": "review",
        "measured": False,
        "against": (),
        "seconds": 6.0,
        "suggestion_shown": False,
        "bulk": False,
        "stored_at": at,
        "precedence": r["precedence"],
    }
    return DecisionRow(**values | changes)


def outcome_row(result: Row, label: str, **changes: Any) -> Row:
    """What people agreed on about a result, no label if on none; changes replace columns."""
    r = result.model_dump()
    at = r["event_time"] + timedelta(seconds=50)
    values: dict[str, Any] = {name: r[name] for name in _ASKED} | {
        "state": "reviewed",
        "labels": (label,) if label else (),
        "label": label,
        "ambiguous": False,
        "answers": 1,
        "agreed": True,
        "adjudicated": False,
        "simulated": False,
        "at": at,
        "stored_at": at,
        "precedence": r["precedence"],
    }
    return OutcomeRow(**values | changes)


def decided_rows(result: Row, label: str, **changes: Any) -> list[Row]:
    """One answer to a result, ambiguous without a label, and the outcome it makes."""
    outcome = outcome_row(result, label, ambiguous=not label, **changes)
    return [decision_row(result, label, **changes), outcome]


_ASKED = ("run", "task", "sample_key", "event_time", "result_id", "lane", "propensity", "audit")
"""What a question, a decision and an outcome repeat of the result."""


def review_row(result: Row) -> Row:
    """The question that a reviewed result put to people."""
    r = result.model_dump()
    names = (*_ASKED, "stored_at", "precedence")
    return ReviewRow(**{name: r[name] for name in names}, suggestion=r["labels"])


def dead_letter_row(key: str, at: datetime, *, offset: int, **changes: Any) -> Row:
    """A record that could not be read; changes replace columns."""
    values: dict[str, Any] = {
        "run": "",
        "task": "",
        "sample_key": key,
        "event_time": at,
        "letter_id": digest("letter", key),
        "stage": "annotate",
        "topic": "tidegauge.samples",
        "partition": offset % 4,
        "offset": offset,
        "incarnation": 0,
        "error": "not JSON",
        "detail": "Expecting value: line 1 column 1 (char 0)",
        "attempts": 1,
        "replays": 0,
        "length": 12,
        "sha256": "e3b0c442",
        "complete": True,
        "null": False,
        "key": "",
        "body": "bm90IGpzb24=",
        "at": at,
        "stored_at": at,
        "precedence": MAX_PRECEDENCE - offset,
    }
    return DeadLetterRow(**values | changes)


def alarm_row(alarm_id: str, at: datetime, **changes: Any) -> Row:
    """An open label-mix alarm; changes replace columns."""
    values: dict[str, Any] = {
        "task": TASK,
        "slice": "",
        "signal": "label_mix",
        "alarm_id": alarm_id,
        "state": "open",
        "detector": "categorical",
        "direction": "mix",
        "at": at,
        "since": at - timedelta(minutes=6),
        "before": Summary(n=150, mix={"scam": 0.15, "personal": 0.85}).model_dump_json(),
        "after": Summary(n=41, mix={"scam": 0.51, "personal": 0.49}).model_dump_json(),
        "evidence": 41_233.0,
        "threshold": 10_000.0,
        "examples": (),
        "by": "",
        "note": "",
        "stored_at": at,
        "precedence": MAX_PRECEDENCE,
    }
    return AlarmRow(**values | changes)


def health_row(stage: str, at: datetime, received: int, **changes: Any) -> Row:
    """One line of a stage's health; changes replace columns."""
    values: dict[str, Any] = {
        "stage": stage,
        "slot": "0",
        "session": "s1",
        "at": at,
        "received": received,
        "emitted": received,
        "in_flight": 4,
        "lag": 3,
        "errors": 0,
        "retries": 2,
        "dead_letters": 0,
        "repeats": 0,
        "calls": received,
        "spend_usd": received * 0.00002,
        "latency_p50_ms": 82.0,
        "latency_p99_ms": 240.0,
        "breaker": "closed",
        "note": "",
    }
    return HealthRow(**values | changes)
