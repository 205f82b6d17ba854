"""Task kinds: for each, the answer a chat model is asked for and how it is read.

A further kind is a class here and a line in `kind_of`; `tests/contracts/test_task_kinds.py` is run
over it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.annotate.confidence import of_set, stated, stated_for_each
from models.annotation import ConfidenceSource
from models.errors import BadAnswer
from models.task import ClassificationTask, MultilabelTask, Task

_PROBABILITY = {"type": "number", "description": "a probability from 0 to 1"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What an annotator said: its labels, and how sure it is if it said so."""

    labels: tuple[str, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    source: ConfidenceSource | None = None


class Kind(Protocol):
    """How chat models answer one task."""

    @property
    def rule(self) -> str:
        """How many labels a sample has, in words for the prompt."""

    def properties(self) -> dict[str, Any]:
        """JSON schema properties of an answer."""

    def label_properties(self) -> dict[str, Any]:
        """The properties that hold the labels alone."""

    def read(self, answer: Mapping[str, Any]) -> Reading:
        """The reading of an answer.

        Raises:
            BadAnswer: it does not fit the schema.
        """

    def labels_in(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """The labels alone."""

    def example(self, truth: Sequence[str]) -> str:
        """The answer shown with an example in the prompt."""


@dataclass(frozen=True)
class Classification:
    """Exactly one label: `{"label": …, "confidence": …}`."""

    labels: tuple[str, ...]
    verbalised: bool

    rule = "Exactly one label fits each sample."

    def label_properties(self) -> dict[str, Any]:
        """One of the labels."""
        return {"label": {"type": "string", "enum": list(self.labels)}}

    def properties(self) -> dict[str, Any]:
        """The label, and how sure the model is of it."""
        return self.label_properties() | ({"confidence": _PROBABILITY} if self.verbalised else {})

    def labels_in(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """The label."""
        return (_known(answer.get("label"), self.labels),)

    def read(self, answer: Mapping[str, Any]) -> Reading:
        """The label and its stated confidence."""
        labels = self.labels_in(answer)
        if not self.verbalised:
            return Reading(labels)
        confidence = stated(answer.get("confidence"), "confidence")
        return Reading(labels, {labels[0]: confidence}, confidence, "verbalised")

    def example(self, truth: Sequence[str]) -> str:
        """The label alone: an author's example states no confidence."""
        return json.dumps({"label": truth[0]}, ensure_ascii=False)


@dataclass(frozen=True)
class Multilabel:
    """Any number of labels: `{"labels": […], "confidence": {label: …}}`."""

    labels: tuple[str, ...]
    verbalised: bool

    rule = "Any number of labels may fit a sample, or none."

    def label_properties(self) -> dict[str, Any]:
        """A list of labels."""
        return {"labels": {"type": "array", "items": {"type": "string", "enum": list(self.labels)}}}

    def properties(self) -> dict[str, Any]:
        """The labels, and for every label how likely it fits."""
        if not self.verbalised:
            return self.label_properties()
        each = object_schema({label: _PROBABILITY for label in self.labels})
        return self.label_properties() | {"confidence": each}

    def labels_in(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """The labels, sorted, each once."""
        chosen = answer.get("labels")
        if not isinstance(chosen, list):
            raise BadAnswer("labels: expected a list of labels")
        return tuple(sorted({_known(label, self.labels) for label in chosen}))

    def read(self, answer: Mapping[str, Any]) -> Reading:
        """The labels, P(fits) of every label, and P(the whole set is right)."""
        chosen = self.labels_in(answer)
        if not self.verbalised:
            return Reading(chosen)
        scores = stated_for_each(answer.get("confidence"), self.labels, "confidence")
        return Reading(chosen, scores, of_set(chosen, scores), "verbalised")

    def example(self, truth: Sequence[str]) -> str:
        """The labels alone: an author's example states no confidence."""
        return json.dumps({"labels": list(truth)}, ensure_ascii=False)


def kind_of(task: Task) -> Kind:
    """How chat models answer this task."""
    verbalised = getattr(task.annotator, "verbalised_confidence", False)
    if isinstance(task, ClassificationTask):
        return Classification(task.label_names, verbalised)
    if isinstance(task, MultilabelTask):
        return Multilabel(task.label_names, verbalised)
    raise TypeError(f"no kind for {type(task).__name__}")


def object_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A strict JSON schema: every property required, none beside them."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _known(label: object, labels: Sequence[str]) -> str:
    if isinstance(label, str) and label in labels:
        return label
    raise BadAnswer(f"label: {str(label)[:60]!r} is not one of the task's labels")
