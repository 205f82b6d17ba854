"""Annotators follow the policy in force; what cannot be followed is said and harms nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.annotate.annotator import Annotator
from models.policy import Correction, InForce, Policy
from models.record import Version
from models.settings import Settings
from models.task import Task
from streams.assembly import policies as assembly
from streams.assembly.policies import Corrected, policies_of
from streams.policies import PolicyBook, Standing
from streams.stages.annotate import Bench
from streams.store import policies as stored
from tests.scripted_bench import chat_task, new_bench, view_task

LESSON = (Correction(text="give it back", labels=("refund",)),)


class Book(PolicyBook):
    """Policies that a test puts in force by hand."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.published: list[Policy] = []
        self.told: list[InForce] = []

    async def publish(self, policies: Any) -> None:
        self.published += policies

    async def use(self, said: InForce) -> None:
        self.told.append(said)
        self.put(said.task, said.policy)

    def put(self, task: Version, policy: Policy) -> None:
        self._heard(task, Standing(policy, policy.version, 7))


def corrected_policy(task: Task, number: int = 2, **changes: Any) -> Policy:
    return task.first_policy.model_copy(update={"number": number, "corrections": LESSON, **changes})


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as things:
        yield things


async def following(
    stack: AsyncExitStack, task: Task, monkeypatch: pytest.MonkeyPatch
) -> tuple[Corrected, Book]:
    bench = await new_bench(stack, task)
    prepared: list[str] = []

    async def prepare(here: Any, oversight: Any, task: Task, asks: Annotator) -> None:
        prepared.append(asks.version.name)

    monkeypatch.setattr(assembly, "prepare", prepare)
    here = SimpleNamespace(tasks={task.name: task}, prepared=prepared)
    book = Book()
    benches = {task.name: Bench(task, Annotator(task, bench.ports))}
    ports = {task.name: bench.ports}
    return Corrected(cast("Any", here), cast("Any", None), book, ports, benches), book


async def test_another_policy_changes_the_annotator_and_the_first_one_brings_it_back(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = chat_task()
    made, book = await following(stack, task, monkeypatch)
    plain = made.benches[task.name].annotator
    await made.look()
    assert made.benches[task.name].annotator is plain
    names = []
    for policy in (
        corrected_policy(task),
        corrected_policy(task, 3),
        corrected_policy(task, 4, corrections=()),
        task.first_policy,
    ):
        book.put(task.identity, policy)
        await made.look()
        names.append(made.benches[task.name].annotator.version.name)
    assert names == ["chatty+2", "chatty+3", "chatty", "chatty"]
    assert made.benches[task.name].annotator is plain
    assert cast("Any", made.here).prepared == ["chatty+2", "chatty+3"], "registered first"


async def test_a_policy_of_another_version_of_the_task_changes_nothing(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = chat_task()
    made, book = await following(stack, task, monkeypatch)
    plain = made.benches[task.name].annotator
    book.put(Version(name="inbox/0", hash="older"), corrected_policy(task))
    await made.look()
    assert made.benches[task.name].annotator is plain


async def test_corrections_that_cannot_be_shown_are_left_out_and_told(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task = view_task()
    made, book = await following(stack, task, monkeypatch)
    plain = made.benches[task.name].annotator
    book.put(task.identity, corrected_policy(task))
    await made.look()
    await made.look()
    assert made.benches[task.name].annotator is plain
    assert caplog.text.count("without its corrections") == 1


async def test_a_change_is_followed_without_being_asked(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = chat_task()
    made, book = await following(stack, task, monkeypatch)
    watch, follow = made.watch()
    watch.close()
    running = asyncio.create_task(cast("Any", follow))
    try:
        book.put(task.identity, corrected_policy(task))
        for _ in range(10_000):
            await asyncio.sleep(0)
        assert made.benches[task.name].annotator.version.name == "chatty+2"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("trial", "known"), [(False, False), (False, True), (True, False)])
async def test_a_broker_that_begins_anew_is_told_what_the_store_remembers(
    monkeypatch: pytest.MonkeyPatch, trial: bool, known: bool
) -> None:
    task = chat_task()
    at = datetime(2026, 11, 1, tzinfo=UTC)
    said = InForce(task=task.identity, policy=corrected_policy(task), at=at)
    book = Book()
    if known:
        book.put(task.identity, corrected_policy(task, 3))

    async def last(store: Any, version: Version) -> InForce:
        assert version == task.identity
        return said

    monkeypatch.setattr(assembly, "PolicyBook", lambda settings: book)
    monkeypatch.setattr(stored, "last_in_force", last)
    settings = SimpleNamespace(trial=trial)
    here = SimpleNamespace(settings=settings, tasks={task.name: task}, store=None)
    await policies_of(cast("Any", here))
    assert book.published == [task.first_policy]
    assert book.told == ([] if trial or known else [said])
    number = book.in_force(task.identity, task.first_policy).policy.number
    assert number == (1 if trial else 3 if known else 2)
