"""What detectors read, what they raise, and what people do about it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.record import Message, Probability, Record
from models.sample import Source

WHOLE_TASK = ""
"""The slice that holds all of a task's traffic."""

Signal = Literal["judge_score", "confidence", "label_mix"]

AlarmState = Literal["open", "acknowledged", "closed"]


class Reading(Message):
    """What the detectors of one (task, slice) need of one sample; missing values stay null."""

    kind: Literal["reading"] = "reading"
    task: str
    slice: str = WHOLE_TASK
    sample_key: str
    source: Source
    label: str | None = None
    confidence: Probability | None = None
    judge_score: Probability | None = None


class AlarmAction(Message):
    """A person's logged action, put on `readings` so that it takes effect at one exact position.

    `acknowledge` marks the alarm as seen; `rebaseline` closes it and learns a new normal.
    A null signal means every signal of the slice.
    """

    kind: Literal["action"] = "action"
    task: str
    slice: str = WHOLE_TASK
    signal: Signal | None = None
    action: Literal["acknowledge", "rebaseline"]
    by: str = Field(max_length=200)
    note: str = Field(default="", max_length=2000)
    at: datetime


class Summary(Record):
    """A stretch of readings in numbers: a mean with its 95 % interval, or a mix of labels."""

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    mix: dict[str, float] = Field(default_factory=dict)


class Alarm(Message):
    """One alarm in one of its states; an `alarm_id` moves from open to acknowledged to closed.

    Attributes:
        at: event time of the reading (or action) that brought this state about.
        detectors: which detectors crossed their threshold.
        evidence: the deciding detector's statistic beside its threshold, both on its own scale.
        since: event time at which the evidence began to grow: the estimated change.
        examples: sample keys met after that change.
    """

    alarm_id: str
    task: str
    slice: str
    signal: Signal
    detector: str
    state: AlarmState = "open"
    direction: Literal["up", "down", "mix"]
    at: datetime
    since: datetime | None = None
    before: Summary
    after: Summary
    evidence: float
    threshold: float
    examples: tuple[str, ...] = ()
    source: Source
    by: str = ""
    note: str = ""


def reading_key(task: str, slice_name: str) -> bytes:
    """The Kafka key of `readings`: one slice meets its detectors in one partition, in order."""
    return f"{task}\x1f{slice_name}".encode()
