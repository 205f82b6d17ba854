"""What people said of each task: run, pause or stop; the latest word holds, all are kept."""

from datetime import datetime
from typing import TypedDict, Unpack

from models.rows import Action, ControlRow
from streams.store.client import AsyncStore, Store

SQL = "SELECT task, argMax(action, at) AS latest FROM controls GROUP BY task"


class Said(TypedDict):
    """When an action was said, by whom and why."""

    at: datetime
    by: str
    note: str


def set_control(store: Store, task: str, action: Action, **said: Unpack[Said]) -> None:
    """Run, pause or stop a task; stages obey within seconds.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    store.insert([ControlRow(task=task, action=action, **said)])


async def latest(store: AsyncStore) -> dict[str, Action]:
    """The latest action of each task that has one; the others run.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    return {row["task"]: row["latest"] for row in await store.query(SQL)}
