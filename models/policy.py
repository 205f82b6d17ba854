"""The frozen, versioned set of numbers the stages route by."""

from pydantic import Field

from models.identity import fingerprint
from models.record import Message, Probability, Record, Version


class Platt(Record):
    """P(label correct) = sigmoid(slope * logit(raw) + shift); slope 1, shift 0 is the identity."""

    slope: float = 1.0
    shift: float = 0.0


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

    @property
    def version(self) -> Version:
        """How records name this policy."""
        body = self.model_dump(mode="json", exclude={"schema_version"})
        body["always_review"] = sorted(self.always_review)
        return Version(name=f"{self.task}/{self.number}", hash=fingerprint(body))
