"""Fitted policies and which was put in force, beside the other versions; nothing is overwritten."""

from datetime import UTC, datetime

from models.errors import ConfigurationError
from models.policy import InForce, Policy
from models.record import Version
from models.rows import VersionRow
from streams.store.client import AsyncStore, Store

POLICY = "policy"
IN_FORCE = "in-force"

_FITTED = """
    SELECT content FROM versions WHERE kind = {kind:String} AND startsWith(name, {name:String})
    ORDER BY first_seen, hash LIMIT 1 BY hash"""

_LAST = """
    SELECT content FROM versions WHERE kind = {kind:String} AND name = {name:String}
    ORDER BY first_seen DESC LIMIT 1"""


def save(store: Store, policy: Policy) -> None:
    """Keep a fitted policy.

    Raises:
        ConfigurationError: another one has its number; fit again.
        StoreUnavailable: the store does not answer.
    """
    version = policy.version
    body = policy.model_dump_json()
    row = VersionRow(
        kind=POLICY,
        name=version.name,
        hash=version.hash,
        content=body,
        first_seen=datetime.now(UTC),
    )
    store.insert([row])
    kept = next(p for p in fitted(store, policy.task) if p.number == policy.number)
    if kept.version != version:
        raise ConfigurationError(f"policy {version.name} was fitted by somebody else meanwhile")


def fitted(store: Store, task: str) -> list[Policy]:
    """A task's fitted policies, the oldest first; of all its versions.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = store.query(_FITTED, {"kind": POLICY, "name": f"{task}/"})
    return [Policy.model_validate_json(row["content"]) for row in rows]


def note(store: Store, said: InForce) -> None:
    """Keep what was put in force, for a broker that begins anew.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    row = VersionRow(
        kind=IN_FORCE,
        name=str(said.task),
        hash=said.policy.version.hash,
        content=said.model_dump_json(),
        first_seen=said.at,
    )
    store.insert([row])


async def last_in_force(store: AsyncStore, task: Version) -> InForce | None:
    """What was last put in force for a task's version, none if nothing ever was.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = await store.query(_LAST, {"kind": IN_FORCE, "name": str(task)})
    return InForce.model_validate_json(rows[0]["content"]) if rows else None


def in_force(store: Store, task: Version) -> InForce | None:
    """The same, for code that waits."""
    rows = store.query(_LAST, {"kind": IN_FORCE, "name": str(task)})
    return InForce.model_validate_json(rows[0]["content"]) if rows else None
