"""Kafka records as the stages write them: one sample's story on every topic the sink reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.annotation import Annotation, Missing, Usage
from models.dead_letter import DeadLetter
from models.drift import Alarm, Summary
from models.identity import digest
from models.record import Message, Version
from models.result import Result, Route
from models.review import Decision, Outcome, ReviewTask
from models.sample import Sample, Source
from models.settings import Kafka, SampleFields
from models.verdict import CriterionScore, Verdict
from streams.delivery.dead_letters import LETTER
from streams.delivery.records import Headers, Incoming
from streams.intake import SampleForm
from streams.topics import Topics

TOPICS = Topics.of(Kafka())
FORM = SampleForm(SampleFields(), "messages")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TASK = Version(name="messages/1", hash="a1b2c3d4e5f6")


def source(offset: int, topic: str = TOPICS.samples, partition: int = 0) -> Source:
    """A position whose time follows from its offset: a minute for each record."""
    at = NOON + timedelta(minutes=offset)
    return Source(topic=topic, partition=partition, offset=offset, at=at)


def record(
    topic: str, offset: int, value: bytes | Message, *, partition: int = 0, headers: Headers = ()
) -> Incoming:
    """A record with this value on one of the topics."""
    body = value if isinstance(value, bytes) else value.encode()
    return Incoming(source(offset, topic, partition), b"key", body, headers)


def sample(number: int, **changes: Any) -> Sample:
    """The sample of this number."""
    values = {"id": f"m-{number}", "text": f"text {number}", "task": "messages"}
    return Sample(**values | changes)


def annotation(number: int, **changes: Any) -> Annotation:
    """What an annotator says of it."""
    values: dict[str, Any] = {
        "annotation_id": digest("annotation", str(number)),
        "annotator": Version(name="first-view", hash="0123456789ab"),
        "labels": ("scam",),
        "scores": {"scam": 0.75, "personal": 0.25},
        "confidence": 0.75,
        "confidence_source": "logprob",
        "model": "small",
        "usage": Usage(calls=1, input_tokens=120, output_tokens=1),
        "price_usd": 0.0001,
        "latency_ms": 12.5,
    }
    return Annotation(**values | changes)


def verdict(number: int, **changes: Any) -> Verdict:
    """What a judge says of that."""
    fits = Version(name="label_fits", hash="ba9876543210")
    values: dict[str, Any] = {
        "verdict_id": digest("verdict", str(number)),
        "judge": Version(name="rubric-judge", hash="ba0123456789"),
        "kind": "rubric",
        "p_correct": 0.5,
        "scores": (CriterionScore(criterion=fits, raw=4, score=0.75, reason="fits"),),
        "reason": "looks right",
        "model": "large",
        "usage": Usage(calls=2),
    }
    return Verdict(**values | changes)


def result(number: int, **changes: Any) -> Result:
    """The result of the sample of this number, which came in at the offset of that number."""
    of = sample(number)
    values: dict[str, Any] = {
        "sample_key": of.key(),
        "source": source(number),
        "sample": of,
        "task": TASK,
        "annotation": annotation(number),
        "verdict": verdict(number),
        "policy": Version(name="messages/1", hash="cafe00000000"),
        "result_id": digest("result", str(number)),
        "state": "awaiting_review",
        "route": Route(lane="uncertain", propensity=0.5, draw=0.25, audit=True, p_correct=0.625),
    }
    return Result(**values | changes)


def unlabelled(number: int) -> Result:
    """A result with nothing in it but why."""
    return result(
        number,
        annotation=None,
        annotation_missing=Missing(why="over_budget", detail="1.00 of 1.00 USD"),
        verdict=None,
        verdict_missing=Missing(why="not_annotated"),
        route=None,
        state="over_budget",
    )


def review(number: int) -> ReviewTask:
    """What people are asked about it."""
    found = result(number)
    return ReviewTask(
        result_id=found.result_id,
        sample_key=found.sample_key,
        source=found.source,
        sample=found.sample,
        task=TASK,
        suggestion=("scam",),
        lane="uncertain",
        propensity=0.5,
        audit=True,
    )


def _asked(number: int) -> dict[str, Any]:
    """What a decision and an outcome repeat of the question."""
    names = ("result_id", "sample_key", "source", "task", "lane", "propensity", "audit")
    asked = review(number)
    return {name: getattr(asked, name) for name in names}


def decision(number: int, **changes: Any) -> Decision:
    """What a reviewer answers."""
    values: dict[str, Any] = {
        **_asked(number),
        "decision_id": digest("decision", str(number), "ana"),
        "reviewer": "ana",
        "answer": "label",
        "labels": ("personal",),
        "decided_at": NOON + timedelta(days=1),
    }
    return Decision(**values | changes)


def outcome(number: int, **changes: Any) -> Outcome:
    """What the item came to once its decisions were in."""
    values: dict[str, Any] = {
        **_asked(number),
        "state": "reviewed",
        "labels": ("personal",),
        "answers": 1,
        "at": NOON + timedelta(days=1),
    }
    return Outcome(**values | changes)


def alarm(number: int, state: str = "open") -> Alarm:
    """An alarm raised by the sample of this number."""
    values: dict[str, Any] = {
        "alarm_id": digest("alarm", str(number)),
        "task": "messages",
        "slice": "lang=de",
        "signal": "label_mix",
        "detector": "categorical",
        "state": state,
        "direction": "mix",
        "at": NOON,
        "before": Summary(n=150, mix={"scam": 0.25}),
        "after": Summary(n=40, mix={"scam": 0.5}),
        "evidence": 12.5,
        "threshold": 10.0,
        "source": source(number),
    }
    return Alarm(**values)


def letter(number: int, offset: int, body: bytes = b"{not json", **changes: Any) -> Incoming:
    """The dead letter of the record on `samples` with this number, itself at an offset."""
    values: dict[str, Any] = {
        "stage": "annotate",
        "source": source(number),
        "sample_key": source(number).key(),
        "sample_source": source(number),
        "error": "InvalidRecord",
        "detail": "not JSON",
        "attempts": 1,
        "length": len(body),
        "at": NOON,
    }
    story = DeadLetter(**values | changes).model_dump_json().encode()
    return record(TOPICS.dead_letters, offset, body, headers=((LETTER, story),))
