"""What the answers to one item come to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.review import AnswerKind

Said = tuple[str, ...] | None
"""One answer: its labels, or none when it was `ambiguous`."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """What an item came to.

    Attributes:
        labels: what people agreed on; empty when ambiguous.
        ambiguous: people say that no label can be given, or too few said the same.
        agreed: all of them said the same.
    """

    labels: tuple[str, ...]
    ambiguous: bool
    agreed: bool


def said(answer: AnswerKind, labels: Sequence[str]) -> Said:
    """An answer as it is compared: the order of labels does not count.

    >>> said("label", ["b", "a"]), said("ambiguous", [])
    (('a', 'b'), None)
    """
    return tuple(sorted(labels)) if answer == "label" else None


def consensus(answers: Sequence[Said], adjudicate: bool) -> Consensus | Literal["adjudicate"]:
    """What a first round comes to: what all say; else a senior's word, or the majority's.

    More than half must say the same for a majority; what has none is ambiguous.

    >>> consensus([("a",), ("a",)], adjudicate=True)
    Consensus(labels=('a',), ambiguous=False, agreed=True)
    >>> consensus([("a",), None], adjudicate=True)
    'adjudicate'
    >>> consensus([("a",), ("b",), ("a",)], adjudicate=False)
    Consensus(labels=('a',), ambiguous=False, agreed=False)
    >>> consensus([("a",), ("b",)], adjudicate=False)
    Consensus(labels=(), ambiguous=True, agreed=False)
    """
    votes = Counter(answers)
    first, count = votes.most_common(1)[0]
    agreed = len(votes) == 1
    if not agreed and adjudicate:
        return "adjudicate"
    if 2 * count <= len(answers):
        first = None
    return Consensus(first or (), first is None, agreed)


def adjudicated(senior: Said, others: Sequence[Said]) -> Consensus:
    """What an item comes to by a senior's word.

    >>> adjudicated(("a",), [("a",), ("b",)])
    Consensus(labels=('a',), ambiguous=False, agreed=False)
    """
    return Consensus(senior or (), senior is None, all(other == senior for other in others))
