"""What one reviewer has in hand at one screen; the page and the terminal client are drawn from it.

An answer leaves the hand only when the desk has it: until then it is *unsent*, stays on the screen
and is sent again unchanged, which the desk takes for the same answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from models.desk import Given, Loan, Me, Passed, Receipt, TaskShown, Wanted
from models.errors import Unavailable
from streams.desk import notices
from streams.desk.answered import REMEMBERED, Answered, answered_now, given_before, remembered
from streams.desk.client import DeskClient
from streams.desk.errors import (
    Conflict,
    DeskError,
    LeaseLost,
    NotSignedIn,
    NotThere,
    TooLate,
    TooMany,
)
from streams.desk.notices import Notice
from streams.desk.screen import Drafts, Screen

AHEAD = 2
"""Texts in hand: the one on the screen, and the one that follows it at once."""

BEATS_PER_LEASE = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Skip:
    """Leave the text to others."""

    reason: str = ""


@dataclass(frozen=True)
class Escalate:
    """Pass the text on to a senior."""

    reason: str = ""


Act = Given | Skip | Escalate


@dataclass
class Sitting:
    """One reviewer at one screen.

    Attributes:
        task: texts of this task only; null for any.
        hand: texts in this reviewer's hands, the one on the screen first.
        answered: own answers, newest first.
        unsent: what was done with the first text, while the desk does not have it.
        trouble: why the desk cannot be reached or cannot answer; empty while it can.
        away: what was in hand was given back, since nobody did anything for a long time.
    """

    desk: DeskClient
    me: Me
    screen: Screen
    task: str | None = None
    tasks: dict[str, TaskShown] = field(default_factory=dict)
    hand: list[Loan] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    drafts: Drafts = field(default_factory=Drafts)
    unsent: Act | None = None
    notice: Notice | None = None
    trouble: str = ""
    away: bool = False
    _older: set[tuple[str, str]] = field(default_factory=set)
    _beaten: float = float("-inf")

    @property
    def current(self) -> Loan | None:
        """The text to work on."""
        return self.hand[0] if self.hand else None

    def arrive(self) -> None:
        """Learn the tasks and the last answers.

        Raises:
            Unavailable: the desk cannot be reached.
            DeskError: the token is worth nothing any more, or too many requests.
        """
        self.tasks = {task.name: task for task in self.desk.tasks()}
        past, now = self.desk.history(REMEMBERED), self.screen.clock()
        self.answered = [remembered(each, now) for each in past]

    def task_of(self, loan: Loan) -> TaskShown | None:
        """What to know of a text's task; null while the desk cannot say.

        It is asked anew for the first text of another version. The texts of a task that it serves
        no more are given back.

        Raises:
            NotSignedIn: the token is worth nothing any more.
        """
        known = self.tasks.get(loan.task)
        if known is not None and known.version == loan.version:
            return known
        if known is None or (loan.task, loan.version) not in self._older:
            self._ask_of(loan)
        return self.tasks.get(loan.task)

    def _ask_of(self, loan: Loan) -> None:
        try:
            newest = self._asked(partial(self.desk.task, loan.task))
        except NotThere:
            self._not_served(loan.task)
            return
        if newest is not None:
            self.tasks[loan.task] = newest
            self._older.add((loan.task, loan.version))

    def suggested(self, loan: Loan) -> tuple[str, ...]:
        """The annotator's labels, as far as the task shows them and still has them."""
        task, labels = self.task_of(loan), loan.suggestion or ()
        known = {label.name for label in task.labels} if task else set()
        return labels if known.issuperset(labels) else ()

    def fill(self) -> None:
        """Have the next texts in hand before they are needed, and know their tasks.

        Raises:
            NotSignedIn: the token is worth nothing any more.
        """
        if len(self.hand) < AHEAD and self.unsent is None and not self.away:
            self._fetch()
        for loan in tuple(self.hand):
            self.task_of(loan)  # known by the time it is shown

    def _fetch(self) -> None:
        held = tuple(loan.lease for loan in self.hand)
        wanted = Wanted(task=self.task, count=AHEAD, held=held)
        try:
            self.hand += self._asked(partial(self.desk.next, wanted)) or []
        except NotThere:
            self._not_served(str(self.task))

    def takes(self, lease: str) -> bool:
        """A key was pressed for that text: whether it counts.

        It does not when another text has taken its place, nor so soon that nobody read the text.
        """
        current = self.current
        if current is None or current.lease != lease or self.unsent is not None:
            return False
        return self.screen.pressed(lease)

    def send(self, act: Act) -> None:
        """Send what was done with the current text; the next one takes its place.

        Raises:
            NotSignedIn: the token is worth nothing any more; what was chosen is kept.
        """
        loan = self.hand[0]
        self.drafts.keep(loan, act if isinstance(act, Given) else _only_reason(act))
        self.unsent, self.notice = act, None
        try:
            receipt = self._sent(loan, act)
        except (Unavailable, TooMany) as problem:
            self.trouble = str(problem)
            return
        except DeskError as problem:
            self._refused(loan, problem)
            return
        self._taken(loan, act, receipt)

    def resend(self) -> None:
        """Send again what the desk does not have yet.

        Raises:
            NotSignedIn: the token is worth nothing any more; what was chosen is kept.
        """
        if self.unsent is not None:
            self.send(self.unsent)

    def undoable(self) -> Answered | None:
        """The last answer that can be taken back, as far as this screen knows."""
        now = self.screen.clock()
        return next((each for each in self.answered if now < each.undo_before), None)

    def undo(self, answer: str) -> None:
        """Take an own answer back: its text comes first again, with what had been chosen.

        Raises:
            NotSignedIn: the token is worth nothing any more.
        """
        if all(each.past.answer != answer for each in self.answered):
            return  # taken back already
        self.screen.active()
        try:
            loan = self._asked(partial(self.desk.undo, answer))
        except NotSignedIn:
            raise
        except DeskError as problem:
            late = isinstance(problem, TooLate)
            self.notice = notices.UNDO_OVER if late else Notice(str(problem))
            return
        if loan is not None:
            self._back_in_hand(answer, loan)

    def beat(self) -> None:
        """Give a sign of life for every text in hand, or give them back after long idleness.

        An answer that is sent again is its text's sign of life: the desk may have it already, and
        a lease that was answered is over.

        Raises:
            NotSignedIn: the token is worth nothing any more.
        """
        if self.screen.idle and self.hand and self.unsent is None:
            self.leave()
            self.away = True
            return
        self._beaten = self.screen.clock()
        for loan in self.hand[1:] if self.unsent is not None else tuple(self.hand):
            try:
                self._asked(partial(self.desk.heartbeat, loan.lease))
            except LeaseLost:
                self._lapsed(loan)
            if self.trouble:
                return

    @property
    def beat_seconds(self) -> float:
        """How often to give signs of life: for the shortest lease of all tasks."""
        shortest = min((task.lease_seconds for task in self.tasks.values()), default=60.0)
        return max(1.0, shortest / BEATS_PER_LEASE)

    @property
    def beat_due(self) -> bool:
        """The last sign of life is long ago."""
        return bool(self.hand) and self.screen.clock() - self._beaten >= self.beat_seconds

    def look_around(self) -> None:
        """Learn how the day goes and what waits.

        Raises:
            NotSignedIn: the token is worth nothing any more.
        """
        self.me = self._asked(self.desk.me) or self.me

    def come_back(self) -> None:
        """Go on after having been away."""
        self.away, self.notice = False, None
        self.screen.active()

    def choose(self, task: str | None) -> None:
        """Work on one task, or on any; texts of other tasks go back unseen."""
        self.task = task
        self.screen.active()
        if self.unsent is None:
            self._give_back([loan for loan in self.hand if task not in (None, loan.task)])

    def leave(self) -> None:
        """Give everything back that was not answered."""
        self.unsent = None
        self._give_back(list(self.hand))

    def _give_back(self, loans: list[Loan]) -> None:
        for loan in loans:
            self._drop(loan)
            try:
                self._asked(partial(self.desk.release, loan.lease))
            except DeskError:
                continue  # not in these hands any more, which is what was wanted

    def _not_served(self, task: str) -> None:
        """Nobody can answer the texts of that task here."""
        self.tasks.pop(task, None)
        if self.task == task:
            self.task = None
        self.notice = notices.not_served(task)
        self._give_back([loan for loan in self.hand if loan.task == task])

    def _asked(self, call: Callable[[], Answer]) -> Answer | None:
        """What the desk says; null while it cannot answer, and `trouble` says so.

        Raises:
            DeskError: it refuses, and whoever asks knows what that means.
        """
        try:
            answer = call()
        except (NotSignedIn, NotThere, LeaseLost, TooLate, Conflict):
            self.trouble = ""
            raise
        except (Unavailable, DeskError) as problem:
            self.trouble = str(problem)
            return None
        self.trouble = ""
        return answer

    def _sent(self, loan: Loan, act: Act) -> Receipt | None:
        if isinstance(act, Given):
            return self.desk.decide(loan.lease, act)
        give_up = self.desk.skip if isinstance(act, Skip) else self.desk.escalate
        give_up(loan.lease, Passed(reason=act.reason))
        return None

    def _refused(self, loan: Loan, problem: DeskError) -> None:
        self.unsent, self.trouble = None, ""
        if isinstance(problem, NotSignedIn):
            raise problem
        if isinstance(problem, NotThere):
            self._not_served(loan.task)
        elif isinstance(problem, LeaseLost):
            self._drop(loan)
            self.notice = notices.NOT_COUNTED
        else:
            self.notice = Notice(str(problem))

    def _taken(self, loan: Loan, act: Act, receipt: Receipt | None) -> None:
        self.unsent, self.trouble = None, ""
        self._drop(loan)
        self.drafts.forget(loan)
        if isinstance(act, Given) and receipt is not None:
            self.answered.insert(0, answered_now(loan, act, receipt, self.screen.clock()))
            del self.answered[REMEMBERED:]
            self._count(1)

    def _back_in_hand(self, answer: str, loan: Loan) -> None:
        taken = [each.past for each in self.answered if each.past.answer == answer]
        self.answered = [each for each in self.answered if each.past.answer != answer]
        for past in taken:
            self.drafts.keep(loan, given_before(past))
        self.hand = [loan, *(each for each in self.hand if each.lease != loan.lease)]
        self.notice = notices.TAKEN_BACK
        self._count(-1)

    def _lapsed(self, loan: Loan) -> None:
        if loan is self.hand[0]:
            self.notice = notices.LAPSED
        self._drop(loan)

    def _drop(self, loan: Loan) -> None:
        self.hand.remove(loan)
        self.screen.gone(loan.lease)

    def _count(self, more: int) -> None:
        answered = max(0, self.me.answered_today + more)
        self.me = self.me.model_copy(update={"answered_today": answered})


def _only_reason(act: Skip | Escalate) -> Given:
    return Given(answer="label", reason=act.reason)
