"""A queue is opened, by several at once too, and says clearly what is wrong with its database."""

import sqlite3
import stat
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, exc, select, text, update

from models.errors import ConfigurationError, Unavailable
from models.task import Task
from streams.desk import schema
from streams.desk.queue import QueueUnavailable, decide, engines, escalate, open_desk
from streams.desk.queue.opening import read, write
from tests import postgres
from tests.streams.desk.queue.bench import SCAM, WHY, Bench, arrival, task

TASKS = {"messages": task()}
ON_POSTGRES = pytest.mark.postgres
Serve = Callable[[Mapping[str, Task]], Bench]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("desk.sqlite", "no database URL; one is sqlite:////"),
        ("sqlite://", "in memory is lost with its process"),
        ("sqlite:///:memory:", "in memory is lost"),
        ("mysql://root:secret@db/desk", "kept in sqlite or postgresql, not in mysql"),
    ],
)
def test_a_url_that_is_none_is_refused_with_the_setting_to_mend(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_desk(url, TASKS)
    assert "TIDEGAUGE_DESK__DATABASE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n" * 1000)
    with pytest.raises(ConfigurationError, match="not a database"):
        open_desk(f"sqlite:///{path}", TASKS)
    with pytest.raises(ConfigurationError, match=r"notes.txt/desk.sqlite: "):
        open_desk(f"sqlite:///{path}/desk.sqlite", TASKS)
    assert path.read_text().startswith("buy milk")


def test_nobody_else_reads_the_file(tmp_path: Path) -> None:
    open_desk(f"sqlite:///{tmp_path}/new/desk.sqlite", TASKS).close()
    mode = (tmp_path / "new" / "desk.sqlite").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_commit_reaches_the_disk(tmp_path: Path) -> None:
    desk = open_desk(f"sqlite:///{tmp_path}/desk.sqlite", TASKS)
    with desk.engine.connect() as db:
        found = [
            db.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]
    desk.close()


def test_a_queue_of_a_later_version_is_left_alone(url: str) -> None:
    desk = open_desk(url, TASKS)
    write(desk, lambda db: db.execute(update(schema.about).values(version=99)))
    desk.close()
    with pytest.raises(ConfigurationError, match=r"version 99.*knows 1.*upgrade tidegauge"):
        open_desk(url, TASKS)


def test_many_open_a_new_queue_at_once_and_all_have_the_same(url: str) -> None:
    start = threading.Barrier(6)

    def one(_: int) -> str:
        start.wait()
        desk = open_desk(url, TASKS)
        desk.close()
        return desk.secret

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(one, range(6)))) == 1


def fails(db: Connection) -> list[str]:
    names: dict[int, str] = {}
    return [names[row.id] for row in db.execute(select(schema.items))]


def test_what_fails_half_way_through_its_rows_spoils_nothing_for_others(serving: Serve) -> None:
    bench = serving(TASKS)
    bench.add(*(arrival(number) for number in range(10)))
    kept = []
    for way in (read, write):
        with pytest.raises(KeyError) as caught:
            way(bench.desk, fails)
        kept.append(caught)
        serving(TASKS).add(arrival(100 + len(kept)))
        assert bench.add(arrival(200 + len(kept))) == 1
    assert bench.states() == {"open": 14}


def test_a_message_of_where_it_is_has_no_password() -> None:
    with pytest.raises((ConfigurationError, Unavailable)) as caught:
        open_desk("postgresql+psycopg://ana:secret@127.0.0.1:1/desk", TASKS)
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_waiting_items_follow_new_weights(serving: Serve) -> None:
    bench = serving(TASKS)
    bench.add(arrival(0, value=0.9), arrival(1, value=0.1), arrival(2, value=0.5, lane="failed"))
    ranking = {"value": 0, "age": 1, "lanes": {"failed": 9}}
    bench = serving({"messages": task(ranking=ranking)})
    bench.now += timedelta(hours=1)
    bench.add(arrival(3, value=1.0))
    texts = [loan.text for loan in bench.loans(bench.person("ana"), 5)]
    assert texts == ["text 2", "text 0", "text 1", "text 3"]


def test_what_came_before_its_tasks_file_asks_for_what_the_file_says(serving: Serve) -> None:
    german = {"sample": {"tags": {"lang": "de"}}}
    serving({}).add(arrival(0, **german), arrival(1))
    pools = {"german": {"lang": ["de"]}}
    bench = serving({"messages": task(reviewers=2, pools=pools, due_hours=1)})
    people = [bench.person(name, "reviewer", *pool) for name, *pool in (("a",), ("b", "german"))]
    assert [len(bench.loans(who, 5)) for who in people] == [1, 2]
    assert [len(bench.loans(bench.person(name), 5)) for name in "cd"] == [0, 0]
    bench.checked()


def test_what_another_desk_lends_already_follows_the_file_too(serving: Serve) -> None:
    tasks = {"messages": task(reviewers=2)}
    bench = serving(tasks)
    serving({}).add(*(arrival(number) for number in range(4)))
    ana, sue = bench.person("ana"), bench.person("sue", "senior")
    in_hand, answered, escalated = bench.loans(ana, 3)
    decide(bench.desk, ana, answered.lease, SCAM, bench.now)
    escalate(bench.desk, ana, escalated.lease, WHY, bench.now)
    bench = serving(tasks)
    bench.checked()
    assert {loan.text for loan in bench.loans(sue, 5)} == {f"text {n}" for n in range(4)}
    bench.checked()
    assert [len(bench.loans(bench.person(name), 5)) for name in "cd"] == [1, 0]
    decide(bench.desk, ana, in_hand.lease, SCAM, bench.now)
    bench.checked()


def test_planned_items_keep_the_number_of_reviewers_they_came_with(serving: Serve) -> None:
    serving({"messages": task(reviewers=2)}).add(arrival(0))
    bench = serving(TASKS)
    assert [len(bench.loans(bench.person(name))) for name in "abc"] == [1, 1, 0]


def test_a_file_that_is_locked_for_long_is_unavailable_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "WAIT_SECONDS", 0.1)
    path = tmp_path / "desk.sqlite"
    bench = Bench(open_desk(f"sqlite:///{path}", TASKS))
    bench.add(arrival(0))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueUnavailable, match="locked"):
            bench.add(arrival(1))
        assert bench.states() == {"open": 1}, "the books can be read meanwhile"
        other.execute("ROLLBACK")
    assert bench.add(arrival(1)) == 1
    bench.checked()
    bench.desk.close()


def test_a_full_disk_is_unavailable_and_nothing_is_half_done(tmp_path: Path) -> None:
    bench = Bench(open_desk(f"sqlite:///{tmp_path}/desk.sqlite", TASKS))
    ana = bench.person("ana")
    bench.add(arrival(0))

    def small(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 8}")

    event.listen(bench.desk.engine, "connect", small)
    bench.desk.engine.dispose()
    long = {"text": "x" * 50_000}
    with pytest.raises(QueueUnavailable, match="is full: free space"):
        bench.add(*(arrival(n, sample=long) for n in range(1, 5)))
    bench.checked()
    event.remove(bench.desk.engine, "connect", small)
    bench.desk.engine.dispose()
    assert bench.add(*(arrival(n, sample=long) for n in range(1, 5))) == 4
    assert bench.answers(ana, SCAM)
    bench.desk.close()


@ON_POSTGRES
@pytest.mark.parametrize(
    "wrong",
    [
        lambda server: server.url(password="guessed"),
        lambda server: server.url("nowhere"),
    ],
    ids=["password", "database"],
)
def test_a_credential_or_database_that_is_not_there_is_to_be_mended(
    postgres_here: postgres.Server, wrong: Callable[[postgres.Server], str]
) -> None:
    with pytest.raises(ConfigurationError, match="mend TIDEGAUGE_DESK__DATABASE") as caught:
        open_desk(wrong(postgres_here), TASKS)
    assert "guessed" not in str(caught.value)


@ON_POSTGRES
@pytest.mark.parametrize(
    ("state", "at_last"), [("40P01", QueueUnavailable), ("23505", exc.IntegrityError)]
)
def test_a_transaction_that_lost_against_another_is_done_once_more(
    postgres_here: postgres.Server, state: str, at_last: type[Exception]
) -> None:
    desk = open_desk(postgres_here.new_schema(), TASKS)
    raises = text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
    times = []

    def work(db: Connection) -> str:
        times.append(1)
        if len(times) < 3:
            db.execute(raises)
        return "done"

    assert write(desk, work) == "done"
    with pytest.raises(at_last):
        write(desk, lambda db: db.execute(raises))
    desk.close()


@ON_POSTGRES
def test_a_server_that_went_away_is_unavailable_until_it_is_back(
    postgres_here: postgres.Server,
) -> None:
    server = postgres.made()
    with postgres.kept(server):
        process = server.start()
        bench = Bench(open_desk(server.url(), TASKS))
        ana = bench.person("ana")
        bench.add(arrival(0))
        postgres.stop(process)
        with pytest.raises(QueueUnavailable, match="cannot be used now"):
            bench.loans(ana)
        process = server.start()
        assert bench.answers(ana, SCAM)
        bench.checked()
        bench.desk.close()
        postgres.stop(process)
