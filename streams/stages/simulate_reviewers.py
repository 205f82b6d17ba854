"""Simulated reviewers: work the desk from a key file. Marked as simulated wherever shown."""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.desk import Given, Loan, Passed, Wanted
from models.errors import ConfigurationError, Unavailable
from models.identity import digest
from streams.desk.client import DeskClient
from streams.desk.errors import LeaseLost, Misfit, NotThere, TooMany
from streams.store.outages import Outages

log = logging.getLogger(__name__)

HELD = 5
"""Items one of them holds at once."""

IDLE_SECONDS = 0.5
"""How long one waits to ask again when nothing waits for it."""

UNKNOWN = Passed(reason="the key does not know it")

Key = Mapping[str, tuple[str, ...]]
"""The right labels by the digest of a text."""


def read_key(path: Path) -> Key:
    """A key file: JSON Lines with `text` and one of `labels`, `label`, `reference`.

    Raises:
        ConfigurationError: the file cannot be read; the text names file, line and fix.
    """
    key: dict[str, tuple[str, ...]] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc}") from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            text, labels = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError) as exc:
            fix = 'a line is {"text": …, "label": …}'
            raise ConfigurationError(f"{path}:{number}: {exc!r}; {fix}") from exc
        key[text_digest(text)] = labels
    return key


def _entry(content: Any) -> tuple[str, tuple[str, ...]]:
    found = next(content[name] for name in ("labels", "label", "reference") if name in content)
    return content["text"], (found,) if isinstance(found, str) else tuple(sorted(found))


def text_digest(text: str) -> str:
    """How a key file is looked up."""
    return digest("key", text)


async def working(client: DeskClient, key: Key) -> None:
    """One reviewer at work, for ever; a desk that is away or busy is waited for.

    Raises:
        NotSignedIn: its account was revoked.
    """
    outages = Outages(log, "simulated reviewers wait")
    while True:
        pause = IDLE_SECONDS
        try:
            pause = 0.0 if await asyncio.to_thread(work, client, key) else IDLE_SECONDS
            outages.over()
        except TooMany as exc:
            pause = exc.retry_after
        except Unavailable as exc:
            outages.met(exc)
        await asyncio.sleep(pause)


def work(client: DeskClient, key: Key) -> int:
    """Answer what is given now; how many items that was."""
    loans = client.next(Wanted(count=HELD))
    for loan in loans:
        answer(client, loan, key)
    return len(loans)


def answer(client: DeskClient, loan: Loan, key: Key) -> None:
    """Decide as the key says; what it does not know, or knows wrongly, is left to others."""
    labels = key.get(text_digest(loan.text))
    try:
        if labels is None or not _decided(client, loan, labels):
            client.skip(loan.lease, UNKNOWN)
    except LeaseLost:
        log.info("a lease lapsed before its answer came")


def _decided(client: DeskClient, loan: Loan, labels: tuple[str, ...]) -> bool:
    """Whether the desk took the labels: those of another task do not fit."""
    try:
        client.decide(loan.lease, Given(answer="label", labels=labels))
    except (Misfit, NotThere) as exc:
        log.warning("the key does not fit the task: %s", exc)
        return False
    return True
