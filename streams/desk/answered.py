"""A reviewer's own answers at one screen: what was said, and until when it can be taken back."""

from dataclasses import dataclass
from datetime import UTC, datetime

from models.desk import Given, Loan, Past, Receipt

REMEMBERED = 10
"""Own answers shown: fewer than lie between an item and its planned repeat."""


@dataclass(frozen=True)
class Answered:
    """An own answer, and until when, by the screen's clock, it can be undone."""

    past: Past
    undo_before: float


def remembered(past: Past, now: float) -> Answered:
    """An answer as the desk tells of it, at `now` by the screen's clock."""
    if past.state != "pending":
        return Answered(past, float("-inf"))
    left = past.undo_until - datetime.now(UTC)
    return Answered(past, now + left.total_seconds())


def answered_now(loan: Loan, given: Given, receipt: Receipt, now: float) -> Answered:
    """An answer that the desk has just taken, at `now` by the screen's clock."""
    past = Past(
        answer=receipt.answer,
        task=loan.task,
        text=loan.text,
        kind=given.answer,
        labels=given.labels,
        reason=given.reason,
        at=datetime.now(UTC),
        undo_until=receipt.undo_until,
        state="pending",
    )
    return remembered(past, now)


def given_before(past: Past) -> Given:
    """What was answered, to choose it again."""
    return Given(answer=past.kind, labels=past.labels, reason=past.reason)
