"""The topic table: which records flow where."""

from dataclasses import dataclass, fields
from typing import Literal, Self, get_args

from models.settings import Kafka

Stage = Literal["annotate", "judge", "route", "drift", "sink", "desk"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Topics:
    """Full topic names; the comment says what each carries and its key."""

    samples: str  # Sample, by sample id
    annotations: str  # Annotated, same key and partition as its sample
    verdicts: str  # Judged, same
    results: str  # Result, same
    reviews: str  # ReviewTask, same
    readings: str  # Reading and AlarmAction, by task and slice
    decisions: str  # Decision, same key as its sample
    alarms: str  # Alarm, by signal and slice
    policies: str  # Policy, by task (compacted)
    dead_letters: str  # original bytes, original key

    @classmethod
    def of(cls, kafka: Kafka) -> Self:
        """The names under one prefix; `samples` may be a topic of somebody else's.

        >>> Topics.of(Kafka(prefix="t")).dead_letters
        't.dead-letters'
        """
        names = {f.name: f"{kafka.prefix}.{f.name.replace('_', '-')}" for f in fields(cls)}
        return cls(**{**names, "samples": kafka.samples_topic or names["samples"]})

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic, `samples` first."""
        return tuple(getattr(self, f.name) for f in fields(self))

    @property
    def keyed_by_sample(self) -> tuple[str, ...]:
        """Topics whose records keep the partition number of their sample."""
        return (
            self.samples,
            self.annotations,
            self.verdicts,
            self.results,
            self.reviews,
            self.decisions,
            self.dead_letters,
        )
