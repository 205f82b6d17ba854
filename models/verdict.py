"""What the judge said of an annotation, or why it said nothing."""

from typing import Literal

from pydantic import Field

from models.annotation import Annotated, Answered, Missing
from models.record import Probability, Record, Version


class CriterionScore(Record):
    """One criterion's raw score, on the criterion's own scale and mapped to [0, 1]."""

    criterion: Version
    raw: float
    score: Probability
    reason: str = Field(default="", max_length=2000)


class Verdict(Answered):
    """One judge's opinion of one annotation.

    Attributes:
        p_correct: the judge's raw P(label correct), before any policy calibrates it.
        label: the label the judge itself would give, null when it was not asked for one.
        scores: one entry per criterion; empty for judges without criteria.
    """

    verdict_id: str
    judge: Version
    kind: Literal["rubric", "second_view"]
    p_correct: Probability
    label: str | None = None
    scores: tuple[CriterionScore, ...] = ()
    reason: str = Field(default="", max_length=4000)
    calibrator: str | None = None


class Judged(Annotated):
    """The message on `verdicts`: the annotated sample, its verdict or why none, and the policy."""

    verdict: Verdict | None = None
    verdict_missing: Missing | None = None
    policy: Version
