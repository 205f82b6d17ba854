"""The calls of admins: books and queue, accounts, gold and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from models.desk import (
    Account,
    AccountName,
    Books,
    Cancel,
    Cancelled,
    Credentials,
    GoldItem,
    Id,
    NewAccount,
    NewGold,
    Noted,
    QueueLine,
)
from streams.desk import queue
from streams.desk.api.access import Admin, Here
from streams.desk.api.problems import documented

router = APIRouter(prefix="/v1/admin", tags=["administration"])


@router.get("/books", responses=documented())
def books(here: Here, who: Admin) -> Books:
    """The queue's books: every item in exactly one state."""
    return queue.books(here.desk)


@router.get("/queue", responses=documented())
def lines(here: Here, who: Admin) -> list[QueueLine]:
    """What waits, by task, pool, lane and level."""
    return queue.lines(here.desk)


@router.post("/cancel", responses=documented(404))
def cancel(wanted: Cancel, here: Here, who: Admin) -> Cancelled:
    """Take open items out of the queue; those in somebody's hands stay."""
    return Cancelled(cancelled=queue.cancel(here.desk, who.name, wanted, here.clock()))


@router.get("/accounts", responses=documented())
def accounts(here: Here, who: Admin) -> list[Account]:
    """All accounts, revoked ones too."""
    return queue.list_accounts(here.desk)


@router.post("/accounts", status_code=201, responses=documented(409))
def add_account(new: NewAccount, here: Here, who: Admin) -> Credentials:
    """Make an account; its token is in this answer and nowhere else."""
    return queue.add_account(here.desk, who.name, new, False, here.clock())


@router.post("/accounts/{name}/revoke", status_code=204, responses=documented(404))
def revoke(name: AccountName, here: Here, who: Admin) -> None:
    """Make an account's token worthless, now."""
    queue.revoke(here.desk, who.name, name, here.clock())


@router.get("/gold", responses=documented(404))
def gold(here: Here, who: Admin, task: str | None = None) -> list[GoldItem]:
    """Gold items, of one task or all."""
    return queue.list_gold(here.desk, task)


@router.post("/gold", status_code=201, responses=documented(404, 409))
def add_gold(new: NewGold, here: Here, who: Admin) -> GoldItem:
    """Add a gold item; adding it twice adds it once."""
    return queue.add_gold(here.desk, who.name, new, here.clock())


@router.post("/gold/{gold_id}/retire", status_code=204, responses=documented(404))
def retire_gold(gold_id: Id, here: Here, who: Admin) -> None:
    """Plant a gold item no longer."""
    queue.retire_gold(here.desk, who.name, gold_id, here.clock())


@router.get("/audit", responses=documented())
def audit(
    here: Here,
    who: Admin,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: AwareDatetime | None = None,
) -> list[Noted]:
    """The audit log, newest first; with `before`, what was noted earlier than that."""
    return queue.audit_log(here.desk, limit, before)
