"""The calls of reviewers: what comes next, and what they say of it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from models.desk import Given, Held, Id, Loan, Me, Passed, Past, Receipt, TaskShown, Wanted
from streams.desk import queue
from streams.desk.api.access import Here, Who
from streams.desk.api.problems import documented
from streams.desk.api.shown import task_shown
from streams.desk.errors import NotThere

router = APIRouter(prefix="/v1", tags=["reviewing"])


@router.post("/next", responses=documented(404))
def next_loans(wanted: Wanted, here: Here, who: Who) -> list[Loan]:
    """Items to work on, in the order to work them, without those said to be held already.

    An empty list means that nothing waits for this reviewer now.
    """
    return queue.next_loans(here.desk, who, wanted, here.clock())


@router.post("/leases/{lease}/heartbeat", responses=documented(409))
def heartbeat(lease: Id, here: Here, who: Who) -> Held:
    """A sign of life: the item stays in this reviewer's hands."""
    return queue.heartbeat(here.desk, who, lease, here.clock())


@router.post("/leases/{lease}/decide", responses=documented(409))
def decide(lease: Id, given: Given, here: Here, who: Who) -> Receipt:
    """Answer an item. The same answer to the same lease again gets the same receipt.

    Once the receipt is sent the answer is stored; it is published when its undo time is over.
    """
    return queue.decide(here.desk, who, lease, given, here.clock())


@router.post("/leases/{lease}/skip", status_code=204, responses=documented(409))
def skip(lease: Id, passed: Passed, here: Here, who: Who) -> None:
    """Leave an item to others."""
    queue.skip(here.desk, who, lease, passed, here.clock())


@router.post("/leases/{lease}/escalate", status_code=204, responses=documented(409))
def escalate(lease: Id, passed: Passed, here: Here, who: Who) -> None:
    """Pass an item on to a senior."""
    queue.escalate(here.desk, who, lease, passed, here.clock())


@router.post("/leases/{lease}/release", status_code=204, responses=documented(409))
def release(lease: Id, here: Here, who: Who) -> None:
    """Give an item back unseen, as when signing out."""
    queue.release(here.desk, who, lease, here.clock())


@router.post("/answers/{answer}/undo", responses=documented(404, 409))
def undo(answer: Id, here: Here, who: Who) -> Loan:
    """Take an own answer back within its undo time; the item comes back under a new lease."""
    return queue.undo(here.desk, who, answer, here.clock())


@router.get("/history", responses=documented())
def history(
    here: Here,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    before: AwareDatetime | None = None,
) -> list[Past]:
    """Own answers, newest first; with `before`, those given earlier than that."""
    return queue.history(here.desk, who, limit, before)


@router.get("/me", responses=documented())
def me(here: Here, who: Who) -> Me:
    """Who the token belongs to, and how their day went."""
    return queue.me(here.desk, who, here.clock())


@router.get("/tasks", responses=documented())
def tasks(here: Here, who: Who) -> list[TaskShown]:
    """The tasks that are served."""
    return [task_shown(task) for task in here.desk.tasks.values()]


@router.get("/tasks/{name}", responses=documented(404))
def task(name: str, here: Here, who: Who) -> TaskShown:
    """One task: guidelines and labels."""
    found = here.desk.tasks.get(name)
    if found is None:
        raise NotThere("no such task is served here")
    return task_shown(found)
