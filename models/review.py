"""What people are asked, what each of them answers, and what it came to."""

from datetime import datetime
from typing import Literal, get_args

from pydantic import Field

from models.record import Message, Probability, Version
from models.result import Lane
from models.sample import Sample, Source

REASON_LENGTH = 4000
"""Characters of a reviewer's free text, at most."""

AnswerKind = Literal["label", "ambiguous"]
"""`ambiguous` is a legal answer without a label; to skip or to escalate is none."""

DecisionRole = Literal["review", "adjudication", "gold", "repeat"]
"""Why somebody was asked. Only the first two say anything about the sample's label."""

ItemState = Literal["open", "leased", "decided", "expired", "cancelled"]
"""States of an item at the desk: at any moment it is in exactly one."""

ITEM_STATES: tuple[ItemState, ...] = get_args(ItemState)


class ReviewTask(Message):
    """The message on `reviews`: one sample for people to label, without its reference.

    Lane, propensity, value and suggestion are for the desk's own books; a reviewer sees none of
    them unless the task says so.

    Attributes:
        value: how much a decision is expected to tell, 0 to 1; what is worth more comes first.
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
    value: Probability = 1.0


class Asked(Message):
    """What every message on `decisions` says of the result it speaks of."""

    result_id: str
    sample_key: str
    source: Source
    task: Version
    run: str = ""
    lane: Lane
    propensity: Probability
    audit: bool
    simulated: bool = False


class Decision(Asked):
    """One reviewer's answer to one result, a message on `decisions`.

    Attributes:
        role: a gold item's `result_id` is the gold item's own id and belongs to no sample.
        labels: what the reviewer says is right; empty when ambiguous.
        against: what the answer is measured by: a gold item's known labels, or the same reviewer's
            earlier answer to a repeat; null in all other cases, and when that was ambiguous.
        seconds: time spent, null if unknown.
        suggestion_shown: the annotator's labels were on the screen.
        bulk: answered faster than the text can be read, several in a row.
        simulated: made by `simulate-reviewers`, not by a person; marked wherever shown.
    """

    kind: Literal["decision"] = "decision"
    decision_id: str
    reviewer: str
    role: DecisionRole = "review"
    answer: AnswerKind
    labels: tuple[str, ...] = ()
    against: tuple[str, ...] | None = None
    reason: str = Field(default="", max_length=REASON_LENGTH)
    seconds: float | None = Field(default=None, ge=0)
    suggestion_shown: bool = False
    bulk: bool = False
    decided_at: datetime


class Outcome(Asked):
    """What an item came to once all its decisions are in, a message on `decisions`.

    Attributes:
        state: `reviewed`, or nobody will decide: it was `expired` or `cancelled`.
        labels: what the reviewers agreed on; empty when ambiguous or not reviewed.
        ambiguous: reviewed, and people say that no label can be given.
        answers: decisions it rests on.
        agreed: all of those reviewers said the same.
        adjudicated: a senior had the last word.
        simulated: any of its decisions is.
    """

    kind: Literal["outcome"] = "outcome"
    state: Literal["reviewed", "expired", "cancelled"]
    labels: tuple[str, ...] = ()
    ambiguous: bool = False
    answers: int = Field(ge=0)
    agreed: bool = True
    adjudicated: bool = False
    at: datetime
