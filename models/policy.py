"""The frozen, versioned set of numbers and examples the stages work by."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.identity import fingerprint
from models.record import Message, Probability, Record, Version

OTHER = "other"

CORRECTIONS_LIMIT = 20
"""Corrections in one policy, at most: they are part of every question to the annotator."""


class Platt(Record):
    """P(label correct) = sigmoid(slope * logit(raw) + shift); slope 1, shift 0 is the identity."""

    slope: float = 1.0
    shift: float = 0.0


class Correction(Record):
    """A reviewed sample whose labels the annotator got wrong, shown to it as an example.

    Attributes:
        text: of somebody's traffic, hence hostile; so are `context` and `response`.
        labels: what people said is right.
    """

    text: str = Field(min_length=1)
    context: str | None = None
    response: str | None = None
    labels: tuple[str, ...]


class Fitted(Record):
    """What a policy was fitted on.

    Attributes:
        n: reviewed samples with a label and a raw score.
        right: of those, how many had the annotator's labels confirmed.
        worth: how many plain samples they are worth, given their propensities.
        first: event time of the oldest (UTC).
        last: event time of the newest.
        simulated: of `n`, those decided by simulated reviewers.
        loss_before: mean log loss, in nats, of P(label correct) without this fit.
        loss_after: the same with it, each sample predicted by a fit that did not see it.
    """

    n: int = Field(ge=1)
    right: int = Field(ge=0)
    worth: float = Field(gt=0)
    first: datetime
    last: datetime
    simulated: int = Field(default=0, ge=0)
    loss_before: float
    loss_after: float


Score = Literal["judge_score", "confidence"]
"""What is calibrated: the judge's raw P(label correct), or without a judge the annotator's own."""


class Policy(Message):
    """What decides a sample's probability of review (statistics: propensities under a budget).

    Attributes:
        number: 1 is made from the task's settings, higher ones are fitted from decisions.
        budget: share of traffic the reviewers can take.
        mixing: tau: the share of the budget that is spread evenly over all traffic.
        mean_uncertainty: past mean of sqrt(f (1 - f)), what uncertainty is compared with.
        audit: share of all traffic flagged `audit`, independent of lane and verdict.
        floors: smallest propensity per slice (`tag=value`).
        always_review: labels that go to people with propensity 1.
        slices: tags that make slices, with the values that have one of their own.
        calibrates: the raw score that `calibrator` is for; any other is taken as it is.
        corrections: further examples for the annotator.
        fitted_on: null for number 1.
        made_for: the task's version it was fitted for; null for number 1.
        note: why, in the words of whoever had it fitted.
    """

    task: str
    number: int = Field(default=1, ge=1)
    calibrator: Platt = Platt()
    budget: Probability
    mixing: Probability = 0.5
    mean_uncertainty: float = Field(gt=0, le=0.5)
    audit: float = Field(gt=0, le=1)
    floors: dict[str, Probability] = Field(default_factory=dict)
    always_review: frozenset[str] = frozenset()
    slices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    calibrates: Score = "judge_score"
    corrections: tuple[Correction, ...] = Field(default=(), max_length=CORRECTIONS_LIMIT)
    fitted_on: Fitted | None = None
    made_for: Version | None = None
    note: str = Field(default="", max_length=1000)

    def slices_of(self, tags: dict[str, str]) -> tuple[str, ...]:
        """The slices a sample with these tags belongs to, without the whole task.

        >>> policy = Policy(
        ...     task="t", budget=0.1, mean_uncertainty=0.3, audit=0.02, slices={"lang": ("en",)}
        ... )
        >>> policy.slices_of({"lang": "xx", "who": "me"})
        ('lang=other',)
        """
        return tuple(
            f"{tag}={tags[tag] if tags[tag] in values else OTHER}"
            for tag, values in sorted(self.slices.items())
            if tag in tags
        )

    @property
    def version(self) -> Version:
        """How records name this policy; one that was not fitted keeps the hash it always had."""
        body = self.model_dump(mode="json", exclude={"schema_version"})
        body["always_review"] = sorted(self.always_review)
        for name in _FITTED:
            if getattr(self, name) == type(self).model_fields[name].default:
                del body[name]
        return Version(name=f"{self.task}/{self.number}", hash=fingerprint(body))


_FITTED = ("calibrates", "corrections", "fitted_on", "made_for", "note")


class InForce(Message):
    """Which policy a version of a task is worked by, a message on `policies`; the last one holds.

    Attributes:
        task: name and hash of the task file.
        by: who said so.
    """

    kind: Literal["in_force"] = "in_force"
    task: Version
    policy: Policy
    by: str = ""
    note: str = Field(default="", max_length=1000)
    at: datetime
