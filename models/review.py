"""What people are asked and what they answer."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.record import Message, Probability, Version
from models.result import Lane
from models.sample import Sample, Source


class ReviewTask(Message):
    """The message on `reviews`: one sample for people to label, without its reference.

    Lane, propensity and suggestion are for the desk's own books; a reviewer sees none of them
    unless the task says so.
    """

    result_id: str
    sample_key: str
    source: Source
    sample: Sample
    task: Version
    suggestion: tuple[str, ...]
    lane: Lane
    propensity: Probability
    audit: bool


class Decision(Message):
    """The message on `decisions`: one reviewer's answer to one result.

    Attributes:
        answer: `label` decides; `ambiguous` is a legal decision without a label.
        labels: what the reviewer says is right, empty when ambiguous.
        simulated: made by `simulate-reviewers`, not by a person; marked wherever shown.
    """

    decision_id: str
    result_id: str
    sample_key: str
    source: Source
    task: Version
    run: str = ""
    reviewer: str
    answer: Literal["label", "ambiguous"]
    labels: tuple[str, ...] = ()
    reason: str = Field(default="", max_length=4000)
    lane: Lane
    propensity: Probability
    audit: bool
    simulated: bool = False
    decided_at: datetime
