"""What the review desk and the people at it say to each other: the bodies of its HTTP API.

Nothing here tells a reviewer what the machine thinks: no judge score, no lane, no confidence, no
other answer, and no identity by which a planted item could be told from a live one.
"""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.review import REASON_LENGTH, AnswerKind, ItemState

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
AccountName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]

TOKEN = re.compile(r"[\x21-\x7e]{1,200}")
"""What can be a reviewer's token: something that a header carries as it is."""

AccountRole = Literal["reviewer", "senior", "admin"]
"""A senior also adjudicates; an admin also looks after queue, accounts and gold."""

GENERAL: PoolName = "general"
"""The pool of items that need nobody in particular; everyone belongs to it."""


class Body(BaseModel):
    """A body of the API: strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class LabelShown(Body):
    """One label as a reviewer sees it, in the task's own order."""

    name: str
    definition: str


class TaskShown(Body):
    """What a reviewer needs to know of a task.

    Attributes:
        version: `name@hash`, as in a loan.
        kind: how many labels an answer has: exactly one, or any number.
        undo_seconds: for so long an answer can be taken back; nothing of it is published before.
        lease_seconds: how long an item is held without a sign of life.
    """

    name: str
    version: str
    kind: Literal["classification", "multilabel"]
    description: str
    guidelines: str
    labels: tuple[LabelShown, ...]
    undo_seconds: float
    lease_seconds: float


class Wanted(Body):
    """What a reviewer asks for.

    Attributes:
        task: of this task only; null for any.
        count: items to hold at once: the one to work on, and those fetched ahead.
        held: leases that the reviewer's screen holds already; those stay and are not given again.
    """

    task: str | None = None
    count: int = Field(default=1, ge=1, le=5)
    held: tuple[Id, ...] = Field(default=(), max_length=20)


class Loan(Body):
    """One item in a reviewer's hands, and until when.

    Attributes:
        lease: the fencing token that every answer needs; it is no identity of the item.
        task: the name of its task.
        version: of the task it was labelled under, `name@hash`; it may be older than the guidelines
            shown.
        suggestion: the annotator's labels, null where the task hides them.
        adjudication: the reviewers before disagreed or passed it on; their answers stay hidden.
    """

    lease: Id
    task: str
    version: str
    text: str
    context: str | None
    response: str | None
    suggestion: tuple[str, ...] | None
    adjudication: bool
    granted_at: datetime
    expires_at: datetime


class Given(Body):
    """An answer as a reviewer gives it.

    Attributes:
        labels: what is right; empty when ambiguous, or when no label applies in a multilabel task.
        seconds: time spent on it as the screen measured it; never believed beyond the lease's age.
    """

    answer: AnswerKind
    labels: tuple[str, ...] = Field(default=(), max_length=200)
    reason: str = Field(default="", max_length=REASON_LENGTH)
    seconds: float | None = Field(default=None, ge=0, le=86_400)


class Passed(Body):
    """Why an item is skipped or passed on to a senior."""

    reason: str = Field(default="", max_length=REASON_LENGTH)


class Receipt(Body):
    """The desk has the answer: it is stored and will be published after `undo_until`."""

    answer: Id
    undo_until: datetime


class Held(Body):
    """A lease after a sign of life."""

    lease: Id
    expires_at: datetime


class Past(Body):
    """One of the reviewer's own answers.

    Attributes:
        state: `pending` can still be undone, `undone` was, `final` is or will be published.
    """

    answer: Id
    task: str
    text: str
    kind: AnswerKind
    labels: tuple[str, ...]
    reason: str
    at: datetime
    undo_until: datetime
    state: Literal["pending", "undone", "final"]


class Me(Body):
    """Who the token belongs to, and how their day went (UTC).

    Attributes:
        waiting: items this reviewer could be given now.
    """

    name: AccountName
    role: AccountRole
    pools: tuple[PoolName, ...]
    simulated: bool
    answered_today: int
    skipped_today: int
    escalated_today: int
    waiting: int


class Books(Body):
    """The queue's books: every item ever enqueued is in exactly one state.

    Attributes:
        leased: held by somebody, or answered so lately that the answer can be undone.
        unserved: of the open ones, those of a task this desk has no file of; nobody is given them.
        unsent: decisions and outcomes the broker has not stored yet.
    """

    enqueued: int
    states: dict[ItemState, int]
    unserved: int
    unsent: int
    oldest_open: datetime | None

    @property
    def balanced(self) -> bool:
        """Enqueued = open + leased + decided + expired + cancelled."""
        return self.enqueued == sum(self.states.values())


class QueueLine(Body):
    """One group of items that wait.

    Attributes:
        level: 1 waits for a senior.
    """

    task: str
    pool: PoolName
    lane: str
    level: int
    open: int
    leased: int
    oldest: datetime | None


class Account(Body):
    """A reviewer's account, without its token."""

    name: AccountName
    role: AccountRole
    pools: tuple[PoolName, ...]
    simulated: bool
    created_at: datetime
    revoked_at: datetime | None


class NewAccount(Body):
    """An account to make."""

    name: AccountName
    role: AccountRole = "reviewer"
    pools: tuple[PoolName, ...] = Field(default=(), max_length=50)


class Credentials(Body):
    """A new account with its token, which is shown this once and stored only as a hash."""

    account: Account
    token: str


class GoldItem(Body):
    """A text whose right labels are known, planted among live items.

    Attributes:
        gold_id: made from its content; adding it twice adds it once.
    """

    gold_id: str
    task: str
    text: str
    context: str | None = None
    response: str | None = None
    labels: tuple[str, ...]
    added_by: str
    added_at: datetime
    retired_at: datetime | None = None


class NewGold(Body):
    """A gold item to add."""

    task: str
    text: str = Field(min_length=1, max_length=262_144)
    context: str | None = Field(default=None, max_length=262_144)
    response: str | None = Field(default=None, max_length=262_144)
    labels: tuple[str, ...] = Field(max_length=200)


class Cancel(Body):
    """Which open items to take out of the queue: of a task, or by result id; and why."""

    task: str | None = None
    results: tuple[str, ...] = Field(default=(), max_length=10_000)
    reason: str = Field(min_length=1, max_length=REASON_LENGTH)


class Cancelled(Body):
    """How many items a cancellation took out; those in somebody's hands stay."""

    cancelled: int


class Noted(Body):
    """One line of the audit log."""

    at: datetime
    actor: str
    action: str
    target: str
    detail: str


class Problem(Body):
    """Every refusal of the API.

    Attributes:
        code: for programs, one of those in `docs/desk.md`.
        message: for people: what is wrong and what to do.
    """

    code: str
    message: str
