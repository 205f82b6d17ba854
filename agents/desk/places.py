"""The places of an item: how many answers it wants, and who has which in hand.

At level 0 it wants the task's number of answers from as many reviewers. At level 1 it wants, beside
those given or under way by then, exactly one more, from a senior.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from models.review import ItemState

SKIPS = 3
"""So many skips, and the item waits for a senior."""

Part = Literal["review", "adjudication"]
"""The part of an item that a lease or answer fills."""

PARTS: tuple[Part, ...] = get_args(Part)
"""Of the roles of a decision, those that fill a place: gold and repeats fill none."""


@dataclass(frozen=True, slots=True)
class Places:
    """An item's places; every change is another value, and the numbers always fit.

    Attributes:
        wanted: answers it wants in all.
        level: 1 waits for a senior, or had one.
        live: places in somebody's hands.
        pending: answers that can still be undone.
        final: answers that cannot.
        skips: reviewers who passed it by.
    """

    wanted: int
    level: int = 0
    live: int = 0
    pending: int = 0
    final: int = 0
    skips: int = 0

    @property
    def free(self) -> int:
        """Places nobody has."""
        return self.wanted - self.live - self.pending - self.final

    @property
    def state(self) -> ItemState:
        """The state of an item that is not closed."""
        return "leased" if self.live or self.pending else "open"

    @property
    def part(self) -> Part:
        """What whoever gets it next does."""
        return "adjudication" if self.level else "review"

    @property
    def complete(self) -> bool:
        """All answers are in, and none can be undone."""
        return not (self.free or self.live or self.pending)

    def wanting(self, reviewers: int) -> Self:
        """It wants that many answers; what waits for a senior goes on wanting what it did."""
        return self if self.level else replace(self, wanted=reviewers)

    def lent(self) -> Self:
        """One place is in somebody's hands."""
        return replace(self, live=self.live + 1)

    def given_back(self, part: Part) -> Self:
        """A lease ended without an answer.

        A place of the first round is gone for good once a senior has the last word.
        """
        gone = self.level > 0 and part == "review"
        return replace(self, live=self.live - 1, wanted=self.wanted - gone)

    def skipped(self, part: Part) -> Self:
        """A reviewer passed it by; too many of them, and it goes to a senior."""
        back = self.given_back(part)
        back = replace(back, skips=back.skips + 1)
        return back.raised() if back.skips >= SKIPS else back

    def answered(self) -> Self:
        """A lease ended with an answer."""
        return replace(self, live=self.live - 1, pending=self.pending + 1)

    def undone(self) -> Self:
        """An answer was taken back; its reviewer has the item in hand again."""
        return replace(self, live=self.live + 1, pending=self.pending - 1)

    def settled(self) -> Self:
        """An answer can no longer be undone."""
        return replace(self, pending=self.pending - 1, final=self.final + 1)

    def raised(self) -> Self:
        """The item waits for a senior, whatever places of the first round were free."""
        if self.level:
            return self
        under_way = self.live + self.pending + self.final
        return replace(self, level=1, wanted=under_way + 1)
