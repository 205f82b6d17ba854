"""A queue on either database: every test of this folder that asks for one runs on both."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from models.task import Task
from streams.desk.queue import open_desk
from tests.streams.desk.queue.bench import Bench, in_memory, task


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of queues that are not there yet."""
    if request.param == "postgres":
        made: Callable[[], str] = request.getfixturevalue("postgres_here").new_schema
        return made
    numbers = iter(range(1_000_000))
    return lambda: f"sqlite:///{tmp_path}/desk-{next(numbers)}.sqlite"


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The URL of a queue that is not there yet."""
    return new_url()


@pytest.fixture
def serving(url: str) -> Iterator[Callable[[Mapping[str, Task]], Bench]]:
    """Opens the queue of this test to serve these tasks; it is closed however the test ends."""
    benches: list[Bench] = []

    def open_one(tasks: Mapping[str, Task]) -> Bench:
        benches.append(Bench(open_desk(url, tasks)))
        in_memory(benches[-1].desk)
        return benches[-1]

    yield open_one
    for bench in benches:
        bench.desk.close()


@pytest.fixture
def opened(serving: Callable[[Mapping[str, Task]], Bench]) -> Callable[..., Bench]:
    """Opens the queue of this test, with a task that reviews as told."""

    def open_one(**review: Any) -> Bench:
        return serving({"messages": task(**review)})

    return open_one
