"""Names and what they stood for when they were first seen: a name never changes its meaning.

What an annotator or judge is called counts within its task's version, so raising that version
frees all names in it. Evaluation runs do not register: what is tried out may change under one name.
"""

import json
from datetime import UTC, datetime
from typing import Any

from models.errors import ConfigurationError
from models.record import Version
from models.rows import VersionRow
from models.task import Task, sorted_sets
from streams.store.client import AsyncStore

SQL = """
    SELECT hash, min(first_seen) AS seen FROM versions
    WHERE kind = {kind:String} AND name = {name:String} GROUP BY hash ORDER BY seen, hash LIMIT 1"""


async def register(store: AsyncStore, stage: str, asks: Version, task: Task) -> None:
    """Remember a task, and the annotator or judge that a stage makes of it.

    Raises:
        ConfigurationError: one of the names stands for another content already.
        StoreUnavailable: the store does not answer.
    """
    now = datetime.now(UTC)
    whole = task.identity
    content = json.dumps(sorted_sets(task), ensure_ascii=False, sort_keys=True)
    within = f"{whole.name}/{asks.name}"
    for row in (
        VersionRow(kind="task", name=whole.name, hash=whole.hash, content=content, first_seen=now),
        VersionRow(kind=stage, name=within, hash=asks.hash, content="", first_seen=now),
    ):
        await _register(store, row)


async def _register(store: AsyncStore, version: VersionRow) -> None:
    known = await _first(store, version)
    if known is None:
        await store.insert([version])
        known = await _first(store, version)
    if known is not None and known["hash"] != version.hash:
        raise ConfigurationError(
            f"{version.kind} {version.name!r} is now {version.hash}, but {known['hash']} has had"
            f" this name since {known['seen']:%Y-%m-%d %H:%M} UTC: raise the task's version"
        )


async def _first(store: AsyncStore, version: VersionRow) -> dict[str, Any] | None:
    rows = await store.query(SQL, {"kind": version.kind, "name": version.name})
    return rows[0] if rows else None
