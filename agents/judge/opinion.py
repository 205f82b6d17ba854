"""What a judge thinks of one annotation, before it becomes a verdict."""

from dataclasses import dataclass
from typing import Literal, Protocol

from agents.annotate.views import Load, Save
from agents.llm.ask import Asked
from models.annotation import Annotation
from models.record import Version
from models.sample import Sample
from models.verdict import CriterionScore


@dataclass(frozen=True, slots=True)
class Opinion:
    """Raw P(label correct), the judge's own label, and its scores if it works by criteria."""

    p_correct: float
    label: str | None
    scores: tuple[CriterionScore, ...] = ()
    reason: str = ""


class Opinions(Protocol):
    """One kind of judge, bound to a task."""

    @property
    def kind(self) -> Literal["rubric", "second_view"]:
        """The judge's kind, as task files name it."""

    @property
    def version(self) -> Version:
        """Name and hash of all that decides the opinion."""

    @property
    def calibrator_hash(self) -> str | None:
        """The calibrator behind `p_correct`, null when it is the model's own word."""

    async def prepare(self, load: Load, save: Save) -> None:
        """Get ready; called once before the first annotation."""

    async def of(self, sample: Sample, annotation: Annotation) -> Asked[Opinion]:
        """The opinion on one annotation."""
