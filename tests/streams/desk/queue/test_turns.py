"""Threads that share commits: each gets its own result, error or refusal, and nothing else's."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from streams.desk.errors import Conflict
from streams.desk.queue import open_desk, turns
from streams.desk.queue.turns import Turns, Work


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    desk = open_desk(f"sqlite:///{tmp_path}/desk.sqlite", {})
    with desk.engine.begin() as db:
        db.execute(text("CREATE TABLE told (n INTEGER NOT NULL UNIQUE)"))
    yield desk.engine
    desk.close()


def tells(number: int | None) -> Work:
    def work(db: Connection) -> int | None:
        db.execute(text("INSERT INTO told VALUES (:n)"), {"n": number})
        return number

    return work


def refuses(db: Connection) -> None:
    tells(1000)(db)
    raise Conflict("no")


def told(engine: Engine) -> list[int]:
    with engine.connect() as db:
        return list(db.execute(text("SELECT n FROM told ORDER BY n")).scalars())


def all_at_once(of: Turns, works: list[Work]) -> list[Future[Any]]:
    """Asked for while somebody else has the turn, so that the next one does them together."""
    with ThreadPoolExecutor(len(works)) as pool:
        of._taken = True
        asked: list[Future[Any]] = [pool.submit(of.run, work, 30) for work in works]
        waits = threading.Event()
        while len(of._waiting) < len(works):
            waits.wait(0.001)
        of._hand_over()
    return asked


def commits(engine: Engine) -> list[object]:
    found: list[object] = []
    event.listen(engine, "commit", found.append)
    return found


def test_those_who_wait_share_a_commit_and_each_gets_its_own(engine: Engine) -> None:
    found = commits(engine)
    done = all_at_once(Turns(engine), [tells(n) for n in range(20)])
    assert sorted(each.result() for each in done) == list(range(20))
    assert told(engine) == list(range(20))
    assert len(found) == 1


def test_more_than_fit_into_a_commit_are_done_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST", 3)
    found = commits(engine)
    done = all_at_once(Turns(engine), [tells(n) for n in range(10)])
    assert sorted(each.result() for each in done) == list(range(10))
    assert len(found) == 4


def test_a_refusal_leaves_no_trace_and_is_nobody_elses(engine: Engine) -> None:
    first, refused, last = all_at_once(Turns(engine), [tells(1), refuses, tells(2)])
    assert (first.result(), last.result()) == (1, 2)
    with pytest.raises(Conflict):
        refused.result()
    assert told(engine) == [1, 2]


def test_what_the_database_refuses_is_refused_to_its_own_thread(engine: Engine) -> None:
    works = [tells(1), tells(None), tells(2), refuses]
    first, wrong, second, refused = all_at_once(Turns(engine), works)
    assert (first.result(), second.result()) == (1, 2)
    with pytest.raises(exc.IntegrityError):
        wrong.result()
    with pytest.raises(Conflict):
        refused.result()
    assert told(engine) == [1, 2]


def test_a_database_that_is_away_is_away_for_all_at_once(tmp_path: Path) -> None:
    away = Turns(create_engine(f"sqlite:///{tmp_path}/none/desk.sqlite"))
    for each in all_at_once(away, [tells(1), tells(2)]):
        with pytest.raises(exc.OperationalError):
            each.result()


def test_whose_turn_does_not_come_is_told_and_nothing_is_done(engine: Engine) -> None:
    of = Turns(engine)
    of._taken = True
    with pytest.raises(TimeoutError):
        of.run(tells(1), 0.01)
    of._hand_over()
    assert of.run(tells(2), 1) == 2
    assert told(engine) == [2]


def test_every_thread_gets_its_turn_in_the_end(engine: Engine) -> None:
    of = Turns(engine)
    with ThreadPoolExecutor(30) as pool:
        done = list(pool.map(lambda n: of.run(tells(n), 30), range(600)))
    assert done == list(range(600)) == told(engine)
    assert not of._taken
