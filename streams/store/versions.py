"""Names and what they stood for when they were first seen: a name never changes its meaning.

Evaluation runs do not register: what is tried out may change under one name.
"""

from typing import Any

from models.errors import ConfigurationError
from models.rows import VersionRow
from streams.store.client import AsyncStore

SQL = """
    SELECT hash, min(first_seen) AS seen FROM versions
    WHERE kind = {kind:String} AND name = {name:String} GROUP BY hash ORDER BY seen, hash LIMIT 1"""


async def register(store: AsyncStore, version: VersionRow) -> None:
    """Remember a version, unless it is known.

    Raises:
        ConfigurationError: the name stands for another content already.
        StoreUnavailable: the store does not answer.
    """
    known = await _first(store, version)
    if known is None:
        await store.insert([version])
        known = await _first(store, version)
    if known is not None and known["hash"] != version.hash:
        raise ConfigurationError(
            f"{version.kind} {version.name!r} now has the content {version.hash}, but"
            f" {known['hash']} was registered under this name on {known['seen']:%Y-%m-%d %H:%M} UTC:"
            " raise its version"
        )


async def _first(store: AsyncStore, version: VersionRow) -> dict[str, Any] | None:
    rows = await store.query(SQL, {"kind": version.kind, "name": version.name})
    return rows[0] if rows else None
