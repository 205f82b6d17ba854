"""What the queue has acknowledged is there after any kill, and what is there is whole."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from streams.desk import schema
from streams.desk.queue import open_desk
from streams.desk.queue.opening import read
from tests import postgres
from tests.streams.desk.queue.bench import Bench, arrival, task

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[4]
PROGRAM = "tests.streams.desk.queue.deciding"


@pytest.fixture
def children() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def killed_at(url: str, name: str, lines: int, children: ExitStack) -> set[str]:
    """Answers acknowledged to a reviewer's process that was killed in the middle of the next."""
    child = children.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", PROGRAM, url, name],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    told += child.stdout.readlines()
    return {line.strip() for line in told if line.endswith("\n")}


def killed_often(url: str, children: ExitStack) -> None:
    bench = Bench(open_desk(url, {"messages": task(undo_seconds=0)}))
    bench.add(*(arrival(number) for number in range(400)))
    acknowledged: set[str] = set()
    for life, lines in enumerate((1, 7, 40, 3)):
        name = f"r{life}"
        bench.person(name)
        acknowledged |= killed_at(url, name, lines, children)
        bench.checked()
    query = select(schema.answers.c.answer)
    stored = read(bench.desk, lambda db: set(db.execute(query).scalars()))
    assert acknowledged <= stored
    assert len(stored) - len(acknowledged) <= 4, "one at most that a kill left untold"
    bench.passes(0)
    bench.checked()
    assert len(bench.decisions) == len(stored)
    bench.desk.close()


def test_a_killed_process_loses_nothing_in_sqlite(tmp_path: Path, children: ExitStack) -> None:
    killed_often(f"sqlite:///{tmp_path}/desk.sqlite", children)


@pytest.mark.postgres
def test_a_killed_process_loses_nothing_in_postgres(
    postgres_here: postgres.Server, children: ExitStack
) -> None:
    killed_often(postgres_here.new_schema(), children)


@pytest.mark.postgres
def test_a_killed_server_loses_nothing(postgres_here: postgres.Server) -> None:
    server = postgres.made(settings={})
    with postgres.kept(server):
        process = server.start()
        bench = Bench(open_desk(server.url(), {"messages": task()}))
        ana = bench.person("ana")
        bench.add(*(arrival(number) for number in range(30)))
        for _ in range(3):
            for _ in range(5):
                bench.answers(ana)
            postgres.stop(process, signal.SIGKILL)
            process = server.start()
        bench.checked()
        assert bench.passes(10) == 15
        assert len(bench.decisions) == 15
        bench.desk.close()
        postgres.stop(process)
