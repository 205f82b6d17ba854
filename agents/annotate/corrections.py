"""Which of the annotator's mistakes it is shown as further examples, and how a view shows them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import fsum

from agents.annotate.calibration import fittable
from agents.annotate.views import text_of
from models.errors import ConfigurationError
from models.identity import digest
from models.policy import Correction
from models.task import CompletionAnnotator, LabelledText, Task

MOST = 8
"""Corrections a policy carries unless told otherwise; each makes every question longer."""

LONGEST = 600
"""Characters of a correction, context and response included; longer mistakes are passed over."""

ALIKE = 0.6
"""Two texts that share so many of their words (Jaccard) are not both shown."""

Words = frozenset[str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A reviewed sample that the annotator got wrong.

    Attributes:
        said: the annotator's labels.
        right: what people said.
        weight: how many samples of traffic it stands for, one over its propensity.
    """

    text: str
    context: str
    response: str
    said: tuple[str, ...]
    right: tuple[str, ...]
    weight: float


def chosen(
    mistakes: Iterable[Mistake], barred: Collection[str], most: int
) -> tuple[Correction, ...]:
    """The mistakes worth showing: short ones, of every common kind of mistake, no two alike.

    One of each kind (what was said, what is right) after the other, the kind that stands for most
    traffic first. The same mistakes in any order make the same choice.

    Args:
        mistakes: of reviewed live samples.
        barred: texts that must stay unknown, or are known: gold, calibration items, examples.
        most: how many corrections at most.
    """
    known = {_plain(text) for text in barred}
    found: list[Mistake] = []
    seen: list[Words] = []
    for mistake in _one_of_each(mistakes):
        words = _words(mistake)
        if len(found) == most:
            break
        if _plain(mistake.text) in known or any(_alike(words, other) for other in seen):
            continue
        found.append(mistake)
        seen.append(words)
    return tuple(
        Correction(
            text=mistake.text,
            context=mistake.context or None,
            response=mistake.response or None,
            labels=mistake.right,
        )
        for mistake in found
    )


def _one_of_each(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Short mistakes, taken in turn from each kind."""
    kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        length = len(mistake.text) + len(mistake.context) + len(mistake.response)
        if mistake.text.strip() and length <= LONGEST:
            kinds[mistake.said, mistake.right].append(mistake)
    common = sorted(kinds.items(), key=lambda item: (-fsum(m.weight for m in item[1]), item[0]))
    ranked = [sorted(group, key=_place) for _, group in common]
    return [mistake for turn in zip_longest(*ranked) for mistake in turn if mistake is not None]


def _place(mistake: Mistake) -> str:
    """Its place among those of its kind, by nothing but what it says."""
    return digest("correction", mistake.text, mistake.context, mistake.response)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _words(mistake: Mistake) -> Words:
    return frozenset(_plain(f"{mistake.text} {mistake.context} {mistake.response}").split())


def _alike(one: Words, other: Words) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def obstacle(task: Task) -> str:
    """Why this task's annotator can be shown no corrections, empty when it can.

    A view's calibrator is fitted once to its very prompt and frozen; another example would make
    its probabilities wrong without anybody noticing.
    """
    annotator = task.annotator
    if not isinstance(annotator, CompletionAnnotator):
        return ""
    if not fittable(task.label_names, [item.truth[0] for item in task.calibration]):
        return ""
    return (
        f"the annotator {annotator.name!r} is a view whose calibrator was fitted to its very "
        "prompt: corrections would make its probabilities wrong. Add them as examples to the task "
        "file and raise its version, or use an annotator with `mode: chat`"
    )


def with_corrections(
    task: Task, view: CompletionAnnotator, corrections: Sequence[Correction]
) -> CompletionAnnotator:
    """A view without a calibrator, with the corrections behind its own examples.

    Raises:
        ConfigurationError: the view has one.
    """
    if why := obstacle(task):
        raise ConfigurationError(f"task {task.name}: {why}")
    more = tuple(
        LabelledText(text=text_of(correction), label=correction.labels[0])
        for correction in corrections
    )
    return view.model_copy(update={"examples": view.examples + more})
