"""The frozen, versioned set of numbers the stages route by."""

from pydantic import Field

from models.identity import fingerprint
from models.record import Message, Probability, Record, Version

OTHER = "other"


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
        slices: tags that make slices, with the values that have one of their own.
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
        """How records name this policy."""
        body = self.model_dump(mode="json", exclude={"schema_version"})
        body["always_review"] = sorted(self.always_review)
        return Version(name=f"{self.task}/{self.number}", hash=fingerprint(body))
