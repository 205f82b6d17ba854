"""A desk in memory, as its client sees it: leases, undo, and days on which it does not answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from models.desk import (
    Given,
    Held,
    LabelShown,
    Loan,
    Me,
    Passed,
    Past,
    Receipt,
    TaskShown,
    Wanted,
)
from models.errors import Unavailable
from streams.desk.client import DeskClient
from streams.desk.errors import DeskError, LeaseLost, NotSignedIn, NotThere, TooLate

TOKEN = "right-token"
SINGLE = TaskShown(
    name="inbox",
    version="inbox/1",
    kind="classification",
    description="What a customer wants.",
    guidelines="By the last thing they ask for.\n- refund: money back",
    labels=(
        LabelShown(name="refund", definition="wants money back"),
        LabelShown(name="delivery", definition="where is my parcel"),
        LabelShown(name="other *x*", definition="anything else"),
    ),
    undo_seconds=10,
    lease_seconds=60,
)
MULTI = SINGLE.model_copy(update={"name": "topics", "kind": "multilabel", "version": "topics/1"})


@dataclass
class Queue:
    """What the fake desk holds, shared by all its clients."""

    texts: list[str] = field(default_factory=list)
    tasks: tuple[TaskShown, ...] = (SINGLE,)
    suggestion: tuple[str, ...] | None = None
    context: str | None = None
    adjudication: bool = False
    loans: dict[str, Loan] = field(default_factory=dict)
    decided: dict[str, tuple[Loan, Given, Receipt]] = field(default_factory=dict)
    passed: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    undone: dict[str, Loan] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)
    down: bool = False
    deaf: bool = False
    revoked: bool = False
    fault: bool = False
    undo_over: bool = False
    numbers: "count[int]" = field(default_factory=count)

    def lend(self, text: str) -> Loan:
        at = datetime.now(UTC)
        loan = Loan(
            lease=f"lease{next(self.numbers)}",
            task=self.tasks[0].name,
            version=self.tasks[0].version,
            text=text,
            context=self.context,
            response=None,
            suggestion=self.suggestion,
            adjudication=self.adjudication,
            granted_at=at,
            expires_at=at + timedelta(minutes=1),
        )
        self.loans[loan.lease] = loan
        return loan

    def lapse(self, lease: str) -> None:
        """The lease is over; its text waits again."""
        self.texts.insert(0, self.loans.pop(lease).text)


class FakeDesk(DeskClient):
    """The client, without a wire. `deaf`: what it is told arrives, the answer does not."""

    def __init__(self, queue: Queue, token: str = TOKEN) -> None:
        super().__init__("http://desk.invalid", token)
        self.state, self.token = queue, token

    def _reached(self) -> Queue:
        if self.state.down:
            raise Unavailable("the review desk at http://desk.invalid does not answer")
        if self.state.revoked or self.token != TOKEN:
            raise NotSignedIn("no account goes with this token")
        if self.state.fault:
            raise DeskError("the review desk made a mistake; its log says more")
        return self.state

    def _held(self, lease: str) -> Loan:
        found = self._reached().loans.get(lease)
        if found is None:
            raise LeaseLost("the lease is over")
        return found

    def me(self) -> Me:
        queue = self._reached()
        return Me(
            name="ada", role="reviewer", pools=("general",), simulated=False,
            answered_today=len(queue.decided), skipped_today=0, escalated_today=0,
            waiting=len(queue.texts),
        )  # fmt: skip

    def tasks(self) -> list[TaskShown]:
        return list(self._reached().tasks)

    def task(self, name: str) -> TaskShown:
        for task in self._reached().tasks:
            if task.name == name:
                return task
        raise NotThere("no such task")

    def next(self, wanted: Wanted | None = None) -> list[Loan]:
        queue, wanted = self._reached(), wanted or Wanted()
        if wanted.task is not None:
            self.task(wanted.task)
        while queue.texts and len(queue.loans) < wanted.count:
            queue.lend(queue.texts.pop(0))
        return [loan for lease, loan in queue.loans.items() if lease not in wanted.held]

    def heartbeat(self, lease: str) -> Held:
        loan = self._held(lease)
        self.state.beats.append(lease)
        return Held(lease=lease, expires_at=loan.expires_at)

    def decide(self, lease: str, given: Given) -> Receipt:
        queue = self._reached()
        if lease in queue.decided and queue.decided[lease][1] == given:
            return queue.decided[lease][2]
        loan = self._held(lease)
        self.task(loan.task)
        del queue.loans[lease]
        receipt = Receipt(
            answer=f"answer{lease}", undo_until=datetime.now(UTC) + timedelta(seconds=10)
        )
        queue.decided[lease] = loan, given, receipt
        self._lose_the_answer()
        return receipt

    def skip(self, lease: str, passed: Passed | None = None) -> None:
        self._pass("skip", lease, passed)

    def escalate(self, lease: str, passed: Passed | None = None) -> None:
        self._pass("escalate", lease, passed)

    def _pass(self, how: str, lease: str, passed: Passed | None) -> None:
        if self._reached().passed.get(lease, ("",))[0] == how:
            return
        loan = self._held(lease)
        del self.state.loans[lease]
        self.state.passed[lease] = how, loan.text, (passed or Passed()).reason
        self._lose_the_answer()

    def release(self, lease: str) -> None:
        loan = self._held(lease)
        del self.state.loans[lease]
        self.state.released.append(loan.text)

    def undo(self, answer: str) -> Loan:
        queue = self._reached()
        if answer in queue.undone:
            return queue.undone[answer]
        if queue.undo_over:
            raise TooLate("too late")
        [lease] = [
            key for key, (_, _, receipt) in queue.decided.items() if receipt.answer == answer
        ]
        loan = queue.decided.pop(lease)[0]
        queue.undone[answer] = queue.lend(loan.text)
        self._lose_the_answer()
        return queue.undone[answer]

    def history(self, limit: int = 20, before: datetime | None = None) -> list[Past]:
        self._reached()
        return []

    def _lose_the_answer(self) -> None:
        if self.state.deaf:
            raise Unavailable("the review desk does not answer in time")
