"""Scripted reviewers: threads that work the desk through its API and remember what it said."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from models.desk import Given, Loan, Wanted
from models.errors import Unavailable
from streams.desk.client import DeskClient
from streams.desk.errors import Conflict, LeaseLost, TooLate

WAIT_SECONDS = 0.05
"""Between two attempts while the desk is away."""

IDLE_SECONDS = 0.2
DISAGREES, UNDOES, ESCALATES, LINGERS = 0.02, 0.03, 0.01, 0.005

Said = TypeVar("Said")


@dataclass(frozen=True)
class Acknowledged:
    """An answer that the desk gave a receipt for, and that was not undone."""

    reviewer: str
    text: str
    labels: tuple[str, ...]


@dataclass
class Diary:
    """What all reviewers were told, and how long each call took; threads share it."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    surprises: list[str] = field(default_factory=list)
    unavailable: int = 0


@dataclass
class Reviewer:
    """One of them.

    Attributes:
        right: what a text's label is; they say so, mostly.
        over: set when there is nothing left to do.
        pause: seconds for each answer.
    """

    name: str
    client: DeskClient
    right: Callable[[str], str]
    labels: tuple[str, ...]
    diary: Diary
    over: threading.Event
    pause: float = 0.0

    def work(self) -> None:
        """Work until it is over; every surprise is written down and fails the drill."""
        chance = random.Random(self.name)
        while not self.over.is_set():
            try:
                loans = self._asked(lambda: self.client.next(Wanted(count=2)), "next")
                for loan in loans:
                    self._answer(loan, chance)
                if not loans:
                    self.over.wait(IDLE_SECONDS)
            except Exception as exc:
                self.diary.surprises.append(f"{self.name}: {exc!r}")
                self.over.wait(IDLE_SECONDS)

    def _answer(self, loan: Loan, chance: random.Random) -> None:
        self.over.wait(self.pause)
        try:
            if chance.random() < ESCALATES and not loan.adjudication:
                self._asked(lambda: self.client.escalate(loan.lease))
                return
            if chance.random() < LINGERS:
                self._asked(lambda: self.client.heartbeat(loan.lease))
            self._decide(loan, chance)
        except LeaseLost:
            return  # the desk was away for so long, or had stored what it did not get to say

    def _decide(self, loan: Loan, chance: random.Random) -> None:
        labels = (self._opinion(loan.text, chance),)
        given = Given(answer="label", labels=labels, seconds=chance.uniform(1, 9))
        receipt = self._asked(lambda: self.client.decide(loan.lease, given), "decide")
        if chance.random() < UNDOES:
            try:
                again = self._asked(lambda: self.client.undo(receipt.answer))
            except TooLate:
                pass  # it stands
            except Conflict:
                return  # undone, and the item lapsed before we heard of it
            else:
                self._decide(again, chance)
                return
        self.diary.acknowledged.append(Acknowledged(self.name, loan.text, labels))

    def _opinion(self, text: str, chance: random.Random) -> str:
        right = self.right(text)
        if chance.random() >= DISAGREES:
            return right
        return next(label for label in self.labels if label != right)

    def _asked(self, call: Callable[[], Said], kind: str = "other") -> Said:
        """Ask, again and again while the desk is away."""
        while True:
            began = time.monotonic()
            try:
                said = call()
            except Unavailable:
                if self.over.is_set():
                    raise
                self.diary.unavailable += 1
                time.sleep(WAIT_SECONDS)
            else:
                self.diary.seconds[kind].append(time.monotonic() - began)
                return said
