"""Every refusal of the desk: a code for programs, a sentence for people.

DeskError
├── NotSignedIn      401  no token, an unknown or a revoked one
├── NotAllowed       403  the account's role does not reach that far
├── NotThere         404  no such answer, account, gold item or task
├── LeaseLost        409  the lease lapsed or was ended: the item may be somebody else's by now
├── TooLate          409  the undo time is over: the answer is being published
├── Conflict         409  it exists already, or what it acts on has moved on
├── Misfit           422  the answer does not fit the task
└── TooMany          429  too many requests
"""

from typing import ClassVar

from models.errors import TidegaugeError

UNAVAILABLE = "unavailable"
"""The code of a refusal that says nothing about the request: the queue's database is away."""


class DeskError(TidegaugeError):
    """A refusal; the queue is as it was before.

    Attributes:
        code: its name on the wire.
        status: its HTTP status.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400


class NotSignedIn(DeskError):
    """No account goes with the token."""

    code, status = "not_signed_in", 401


class NotAllowed(DeskError):
    """The account's role does not reach that far."""

    code, status = "not_allowed", 403


class NotThere(DeskError):
    """What was asked for does not exist, or is not this reviewer's to see."""

    code, status = "not_there", 404


class LeaseLost(DeskError):
    """The lease is over; nothing was stored under it."""

    code, status = "lease_lost", 409


class TooLate(DeskError):
    """The answer can no longer be undone."""

    code, status = "too_late", 409


class Conflict(DeskError):
    """It exists already, or what it acts on has moved on."""

    code, status = "conflict", 409


class Misfit(DeskError):
    """The answer does not fit the task: an unknown label, or too many or too few."""

    code, status = "misfit", 422


class TooMany(DeskError):
    """Too many requests.

    Attributes:
        retry_after: seconds after which the next one is taken.
    """

    code, status = "too_many", 429

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        """Remember when to come back."""
        super().__init__(message)
        self.retry_after = retry_after
