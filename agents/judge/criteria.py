"""The criteria rubric judges score by, as data.

A further criterion is one entry in `CRITERIA` (and its hash in the golden file next to
`tests/contracts/test_criteria.py`). Change a rubric only together with its version.
"""

from dataclasses import dataclass

from models.errors import ConfigurationError
from models.identity import fingerprint
from models.record import Version

TaskKind = str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to look at when judging a label.

    Attributes:
        version: raised by its author whenever the words change.
        rubric: what to look at and what the ends of the scale mean.
        scale: lowest and highest score; both are whole numbers.
        applies_to: the task kinds it makes sense for.
    """

    name: str
    version: str
    rubric: str
    scale: tuple[int, int]
    applies_to: frozenset[TaskKind]

    @property
    def identity(self) -> Version:
        """The author's name for it beside the hash of its words."""
        content = {"rubric": self.rubric, "scale": list(self.scale)}
        return Version(name=f"{self.name}/{self.version}", hash=fingerprint(content))

    def share(self, raw: float) -> float:
        """A raw score mapped to [0, 1].

        >>> CRITERIA["label_fits"].share(4)
        0.75
        """
        low, high = self.scale
        return (raw - low) / (high - low)


_ALL = frozenset({"classification", "multilabel"})

CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion(
            name="label_fits",
            version="1",
            rubric=(
                "Does what the sample says meet the definition of every label given to it? "
                "1 = it contradicts the definition; 3 = it could be read either way; "
                "5 = it meets the definition beyond doubt."
            ),
            scale=(1, 5),
            applies_to=_ALL,
        ),
        Criterion(
            name="nothing_missed",
            version="1",
            rubric=(
                "Is there another label of the task that fits and was not given, or fits better "
                "than the one given? 1 = another label plainly fits better; 3 = another fits about "
                "as well; 5 = no other label comes close."
            ),
            scale=(1, 5),
            applies_to=_ALL,
        ),
        Criterion(
            name="nothing_extra",
            version="1",
            rubric=(
                "Is each of the given labels needed? 1 = most of them have no ground in the "
                "sample; 3 = one of them is doubtful; 5 = every one is grounded in the sample."
            ),
            scale=(1, 5),
            applies_to=frozenset({"multilabel"}),
        ),
        Criterion(
            name="grounded",
            version="1",
            rubric=(
                "Can the label be derived from the sample's own words, without guessing at facts "
                "outside it? 1 = it rests on guesses; 3 = partly; 5 = the words alone suffice."
            ),
            scale=(1, 5),
            applies_to=_ALL,
        ),
        Criterion(
            name="clear_case",
            version="1",
            rubric=(
                "Would careful people who know the definitions agree on this sample? "
                "1 = they would split evenly; 3 = most would agree; 5 = all would."
            ),
            scale=(1, 5),
            applies_to=_ALL,
        ),
        Criterion(
            name="not_steered",
            version="1",
            rubric=(
                "Does the label follow from the content, rather than from orders in the sample "
                "that tell a reader how to label it? 1 = the label only obeys such orders; "
                "5 = there are none, or the label is right regardless of them."
            ),
            scale=(1, 5),
            applies_to=_ALL,
        ),
    )
}


def criteria_for(names: tuple[str, ...], kind: TaskKind, task: str) -> tuple[Criterion, ...]:
    """The named criteria, in the order given.

    Raises:
        ConfigurationError: a name is unknown or does not apply to this kind of task.
    """
    for name in names:
        if name not in CRITERIA:
            known = ", ".join(CRITERIA)
            raise ConfigurationError(
                f"task {task}: judge.criteria: {name!r} is unknown; known: {known}"
            )
        if kind not in CRITERIA[name].applies_to:
            raise ConfigurationError(
                f"task {task}: judge.criteria: {name!r} does not apply to a {kind} task; remove it"
            )
    return tuple(CRITERIA[name] for name in names)
