"""Policies over a real broker: published once, found by hash, and the last word in force."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka")

from models.errors import Unavailable
from models.policy import Correction, InForce, Policy
from models.record import Version
from models.settings import Kafka, Settings
from streams.embedded.announce import read_announcement
from streams.policies import PolicyBook
from streams.topics import Topics

pytestmark = pytest.mark.processes

TASK = Version(name="t/1", hash="aaaaaaaaaaaa")
LATER = Version(name="t/2", hash="bbbbbbbbbbbb")
FIRST = Policy(task="t", budget=0.1, mean_uncertainty=0.3, audit=0.02)
SECONDS = 30.0


def fitted(number: int) -> Policy:
    corrections = (Correction(text=f"text {number}", labels=("a",)),)
    changes = {"number": number, "made_for": TASK, "corrections": corrections}
    return FIRST.model_copy(update=changes)


def said(policy: Policy, task: Version = TASK) -> InForce:
    return InForce(task=task, policy=policy, by="me", at=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    """Those of a broker of this test."""
    announcement = tmp_path / "broker.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams.embedded.broker", "--announce", str(announcement)),
        *("--topic", Topics.of(Kafka()).policies),
        stdin=asyncio.subprocess.PIPE,
    )
    try:
        await until(announcement.exists)
        facts = read_announcement(announcement)
        assert facts is not None
        address = f"{facts['host']}:{facts['port']}"
        yield Settings(kafka=Kafka(bootstrap=address, broker="embedded"))
    finally:
        process.terminate()
        await process.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[PolicyBook]:
    book = PolicyBook(settings)
    watch = asyncio.create_task(book.watch())
    try:
        yield book
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def test_a_policy_is_published_once_and_found_by_hash(settings: Settings) -> None:
    book = PolicyBook(settings)
    await book.publish([FIRST])
    await book.publish([FIRST, fitted(2)])
    other = PolicyBook(settings)
    assert (await other.find(FIRST.version)) == FIRST
    assert (await other.find(fitted(2).version)).corrections == fitted(2).corrections
    with pytest.raises(Unavailable, match="is not on"):
        await other.find(Version(name="t/9", hash="nobody"))


async def test_another_policy_is_in_force_without_being_asked_for_and_the_old_ones_stay(
    settings: Settings,
) -> None:
    teller = PolicyBook(settings)
    async with watching(settings) as book:
        assert book.in_force(TASK, FIRST).policy == FIRST
        for policy in (fitted(2), fitted(3), FIRST):
            book.changed.clear()
            await teller.use(said(policy))
            await until(lambda: book.in_force(TASK, FIRST).policy == policy)  # noqa: B023
            assert book.changed.is_set()
            assert book.reads == 0, "nobody asked: it was told"
            assert book.in_force(LATER, FIRST).policy == FIRST, "of another version of the task"
    late = PolicyBook(settings)
    for policy in (fitted(2), fitted(3), FIRST):
        assert (await late.find(policy.version)) == policy


async def test_what_was_said_holds_for_whoever_starts_later(settings: Settings) -> None:
    await PolicyBook(settings).use(said(fitted(2)))
    started = PolicyBook(settings)
    await started.publish([FIRST])
    assert started.said(TASK)
    assert not started.said(LATER)
    assert started.in_force(TASK, FIRST).version == fitted(2).version


async def test_reading_again_from_the_beginning_changes_nothing_back(settings: Settings) -> None:
    book = PolicyBook(settings)
    await book.use(said(fitted(2)))
    await book.use(said(fitted(3)))
    book.changed.clear()
    with pytest.raises(Unavailable):
        await book.find(Version(name="t/9", hash="nobody"))
    assert book.in_force(TASK, FIRST).version == fitted(3).version
    assert not book.changed.is_set()
