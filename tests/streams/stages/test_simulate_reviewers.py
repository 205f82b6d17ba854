"""Simulated reviewers at a real desk."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from models.desk import Given, Receipt
from models.errors import ConfigurationError
from models.review import Decision
from models.task import Task
from streams.desk import queue
from streams.desk.errors import NotSignedIn
from streams.stages import simulate_reviewers
from streams.stages.simulate_reviewers import Key, answer, read_key, text_digest, work, working
from tests.desk_bench import Bench, bench, task_of, text_of


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    with bench(f"sqlite:///{tmp_path / 'desk.sqlite'}", {"mail": task_of()}) as b:
        yield b


def key_of(*numbers: int, label: str = "spam") -> Key:
    return {text_digest(text_of(number)): (label,) for number in numbers}


def test_the_key_is_said_and_what_it_does_not_know_is_skipped(here: Bench) -> None:
    here.arrive([1, 2, 3])
    client = here.signed_in("simulated-1")
    assert work(client, key_of(1, 2)) == 3
    assert work(client, key_of(1, 2)) == 0
    me = client.me()
    assert (me.answered_today, me.skipped_today) == (2, 1)
    assert here.published() == []
    here.clock.pass_by(11)
    decided = [each for each in here.published() if isinstance(each, Decision)]
    assert [each.labels for each in decided] == [("spam",), ("spam",)]


def test_a_key_of_another_task_skips(here: Bench) -> None:
    here.arrive([1])
    client = here.signed_in("simulated-1")
    assert work(client, key_of(1, label="no-such-label")) == 1
    assert client.me().skipped_today == 1


def test_a_lease_that_lapses_before_a_skip_is_left(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.arrive([1])
    client = here.signed_in("simulated-1")
    real = client.decide

    def slow(lease: str, given: Given) -> Receipt:
        try:
            return real(lease, given)
        finally:
            here.clock.pass_by(3600)

    monkeypatch.setattr(client, "decide", slow)
    assert work(client, key_of(1, label="no-such-label")) == 1
    assert client.me().skipped_today == 0


def test_a_task_that_is_served_no_more_is_skipped(here: Bench) -> None:
    here.arrive([1])
    client = here.signed_in("simulated-1")
    [loan] = client.next()
    cast(dict[str, Task], here.desk.tasks).clear()
    answer(client, loan, key_of(1))
    assert client.me().skipped_today == 1


async def test_a_revoked_one_ends_and_says_so(here: Bench) -> None:
    client = here.signed_in("simulated-1")
    queue.revoke(here.desk, "test", "simulated-1", here.clock())
    with pytest.raises(NotSignedIn):
        await asyncio.wait_for(working(client, {}), 20)


async def test_it_goes_on_when_the_desk_is_back(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.arrive([1])
    client = here.signed_in("simulated-1")
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()
    failures = [queue.QueueUnavailable("away", retry_after=0.01) for _ in range(2)]
    real = simulate_reviewers.work

    def flaky(*what: object) -> int:
        if failures:
            raise failures.pop()
        done = real(client, key_of(1))
        loop.call_soon_threadsafe(answered.set)
        return done

    monkeypatch.setattr(simulate_reviewers, "work", flaky)
    task = asyncio.create_task(working(client, key_of(1)))
    await asyncio.wait_for(answered.wait(), 20)
    task.cancel()
    await asyncio.wait([task])
    assert client.me().answered_today == 1


def test_a_key_file_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "key.jsonl"
    file.write_text('{"text": "a", "label": "x"}\n\n{"text": "b", "labels": ["y", "x"]}\n')
    key = read_key(file)
    assert key[text_digest("a")] == ("x",)
    assert key[text_digest("b")] == ("x", "y")
    file.write_text('{"text": "a", "label": "x"}\n{"label": "x"}\n')
    with pytest.raises(ConfigurationError, match=r"key.jsonl:2"):
        read_key(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_key(tmp_path / "none.jsonl")
