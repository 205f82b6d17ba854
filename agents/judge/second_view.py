"""The second view: another wording of the task, read as P(the annotator's label).

Small completion models cannot say whether a label is right, but a differently worded question makes
other mistakes; measured: it tells right labels from wrong ones with an AUC of .95.
"""

from typing import Literal

from agents.annotate.views import FittedView, Load, Save, likeliest, text_of
from agents.judge.opinion import Opinion
from agents.llm.ask import Asked, Ports, ask_twice
from agents.llm.requests import Answer
from models.annotation import Annotation
from models.errors import ModelRefused
from models.record import Version
from models.sample import Sample
from models.task import ClassificationTask, SecondViewJudge


class SecondViewOpinions:
    """Opinions of a completion model asked in other words."""

    kind: Literal["second_view"] = "second_view"

    def __init__(self, task: ClassificationTask, judge: SecondViewJudge, ports: Ports) -> None:
        """Bind the view."""
        self._view = FittedView(task, judge, ports)
        self._ports = ports

    @property
    def version(self) -> Version:
        """The view's version."""
        return self._view.version

    @property
    def calibrator_hash(self) -> str | None:
        """The view's own calibrator."""
        return self._view.calibrator_hash

    async def prepare(self, load: Load, save: Save) -> None:
        """Load or fit the view's calibrator."""
        await self._view.prepare(load, save)

    async def of(self, sample: Sample, annotation: Annotation) -> Asked[Opinion]:
        """P(the annotator's label) by the view, and the label the view would give."""
        given = annotation.label
        if given not in self._view.view.words:
            raise ModelRefused(f"the judge has no word for the label {given[:100]!r}")

        def read(answer: Answer) -> Opinion:
            probabilities = self._view.probabilities(answer)
            return Opinion(p_correct=probabilities[given], label=likeliest(probabilities))

        request = self._view.request(text_of(sample), sample.run)
        return await ask_twice(request, read, self._ports)
