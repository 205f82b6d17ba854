"""What a reviewer is given next: an item, a gold item, or one they decided before.

Drawn from a hash of the reviewer, their loans so far and the queue's own secret: the same queue
makes the same choice again, and nobody who knows the code can tell what the next one will be.
"""

from collections.abc import Sequence
from typing import Literal

from models.identity import digest, draw

Kind = Literal["review", "gold", "repeat"]

REPEAT_AFTER = 20
"""Answers a reviewer gave since an item, before they may be shown it again."""


def next_kind(chance: float, gold_share: float, repeat_share: float) -> Kind:
    """What a draw in [0, 1) comes to.

    >>> [next_kind(chance, 0.05, 0.03) for chance in (0.04, 0.07, 0.08)]
    ['gold', 'repeat', 'review']
    """
    if chance < gold_share:
        return "gold"
    return "repeat" if chance < gold_share + repeat_share else "review"


def chance_of(reviewer: str, loans: int, secret: str) -> float:
    """The draw for a reviewer's next loan."""
    return draw(digest("loan", secret, reviewer, str(loans)), "interleave")


def picked(candidates: Sequence[str], reviewer: str, loans: int, secret: str) -> str:
    """One of the candidates, whatever order they come in; there must be one.

    >>> picked(["b", "a"], "ana", 7, "s") == picked(["a", "b"], "ana", 7, "s")
    True
    """
    return min(candidates, key=lambda each: digest("pick", secret, reviewer, str(loans), each))


def planted_suggestion(
    labels: Sequence[str], known: tuple[str, ...], gold_id: str, secret: str
) -> tuple[str, ...]:
    """What a gold item shows as the annotator's labels where a task shows those of live items.

    Without one it would stand out; with the known labels alone it would teach to accept. So it is
    the known labels for every other gold item, and one other label for the rest, which also tells
    how far shown labels pull answers along.

    >>> found = {planted_suggestion(["a", "b"], ("a",), str(n), "s") for n in range(50)}
    >>> sorted(found)
    [('a',), ('b',)]
    """
    if draw(digest("planted", secret, gold_id), "right") < 0.5:  # noqa: PLR2004 - every other one
        return known
    others = [label for label in labels if label not in known]
    others.sort(key=lambda label: digest("planted", secret, gold_id, label))
    return tuple(others[:1])
