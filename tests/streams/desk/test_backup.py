"""Back-ups of a queue that is being worked on, and what a restored one knows and asks again."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from models.desk import Account, Given, NewAccount, Wanted
from models.errors import ConfigurationError
from streams.desk import backup, queue
from streams.desk.queue import Arrival
from tests.desk_bench import NOON, label_of, review, task_of

TASK = task_of(undo_seconds=0)
TASKS = {TASK.name: TASK}
TOPIC = "t.reviews"


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'desk.sqlite'}"


@contextmanager
def opened(folder: Path) -> Iterator[queue.Desk]:
    desk = queue.open_desk(url_of(folder), TASKS)
    try:
        yield desk
    finally:
        desk.close()


def arrive(desk: queue.Desk, first: int, last: int) -> int:
    """Records of `reviews` from one offset to before another."""
    arrivals = [Arrival(review(n, TASK), b"k", n % 4) for n in range(first, last)]
    return queue.enqueue(desk, arrivals, {(TOPIC, 0): last}, NOON)


def account(desk: queue.Desk, name: str = "ann") -> Account:
    return queue.add_account(desk, "test", NewAccount(name=name), False, NOON).account


def decide(desk: queue.Desk, who: Account, count: int) -> None:
    for _ in range(count):
        (loan,) = queue.next_loans(desk, who, Wanted(), NOON)
        given = Given(answer="label", labels=(label_of(loan.text),))
        queue.decide(desk, who, loan.lease, given, NOON)
        queue.tend(desk, NOON)


def test_a_copy_is_whole_and_private_and_never_overwrites(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        arrive(desk, 0, 20)
        decide(desk, account(desk), 5)
        copy = tmp_path / "copy.sqlite"
        found = backup.back_up(url_of(tmp_path), copy)
    assert (found.items, found.waiting, found.unsent) == (20, 15, 10)
    assert copy.stat().st_mode & 0o077 == 0, "it holds what reviewers read"
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.sqlite"]
    with pytest.raises(ConfigurationError, match="there already"):
        backup.back_up(url_of(tmp_path), copy)
    with pytest.raises(ConfigurationError, match="no queue at"):
        backup.back_up(url_of(tmp_path / "nowhere"), tmp_path / "other")


def test_a_queue_is_copied_while_it_is_written_to(tmp_path: Path) -> None:
    """Each copy balances, though items come in between its first page and its last."""
    stop = threading.Event()
    with opened(tmp_path) as desk:

        def write() -> None:
            batch = 0
            while not stop.is_set():
                arrive(desk, batch * 10, batch * 10 + 10)
                batch += 1

        arrive(desk, 0, 10)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            copies = [tmp_path / f"copy{n}.sqlite" for n in range(5)]
            held = [backup.back_up(url_of(tmp_path), copy) for copy in copies]
        finally:
            stop.set()
            writer.join()
    for copy, found in zip(copies, held, strict=True):
        with closing(sqlite3.connect(copy)) as db:
            (offset,) = db.execute("SELECT next_offset FROM offsets").fetchone()
        assert offset == found.items, "items and the position they were read at are one"
    assert [found.items for found in held] == sorted(found.items for found in held)


def test_a_restored_queue_reads_again_from_where_it_stands(tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    with opened(tmp_path) as desk:
        arrive(desk, 0, 10)
        who = account(desk)
        decide(desk, who, 4)
        backup.back_up(url_of(tmp_path), copy)
        arrive(desk, 10, 25)
        decide(desk, who, 8)
        later = {row.value for row in queue.waiting_messages(desk, 1000)}
    aside = backup.restore(url_of(tmp_path), copy, NOON)
    assert aside is not None
    assert aside.is_file()
    with opened(tmp_path) as desk:
        assert queue.positions(desk) == {(TOPIC, 0): 10}
        books = queue.books(desk)
        assert (books.enqueued, books.states["decided"], books.balanced) == (10, 4, True)
        assert arrive(desk, 8, 25) == 15, "what it knows changes nothing, what came since is new"
        decide(desk, who, 8)
        again = {row.value for row in queue.waiting_messages(desk, 1000)}
        assert queue.books(desk).balanced
    assert again == later, "the same answers are the same messages: repeats for every reader"


def test_a_queue_that_is_in_use_is_not_replaced(tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    with opened(tmp_path) as desk:
        arrive(desk, 0, 3)
        backup.back_up(url_of(tmp_path), copy)
        arrive(desk, 3, 6)
        with pytest.raises(backup.Held, match="stop the desk"):
            backup.restore(url_of(tmp_path), copy, NOON)
        assert queue.books(desk).enqueued == 6
        assert arrive(desk, 6, 7) == 1, "and it goes on"
    assert backup.restore(url_of(tmp_path), copy, NOON) is not None
    with opened(tmp_path) as desk:
        assert queue.books(desk).enqueued == 3
    aside = next(tmp_path.glob("desk.sqlite.before-*"))
    assert backup.contents_of(aside).items == 7, "nothing of the old one is lost"


def test_a_copy_goes_where_no_queue_is_and_beside_one_that_is_broken(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        arrive(desk, 0, 3)
        copy = tmp_path / "copy.sqlite"
        backup.back_up(url_of(tmp_path), copy)
    elsewhere = tmp_path / "new"
    assert backup.restore(url_of(elsewhere), copy, NOON) is None
    file = elsewhere / "desk.sqlite"
    file.write_bytes(b"what was a database" * 1000)
    later = NOON + timedelta(seconds=1)
    assert backup.restore(url_of(elsewhere), copy, later) is not None
    file.unlink()
    (elsewhere / "desk.sqlite-wal").write_bytes(b"left behind")
    assert backup.restore(url_of(elsewhere), copy, later) is None
    with opened(elsewhere) as desk:
        assert queue.books(desk).enqueued == 3


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be read", None])
def test_only_a_whole_queue_is_put_back(tmp_path: Path, content: bytes | None) -> None:
    with opened(tmp_path) as desk:
        arrive(desk, 0, 200)
    copy = tmp_path / "copy.sqlite"
    if content is None:
        backup.back_up(url_of(tmp_path), copy)
        whole = copy.read_bytes()
        copy.write_bytes(whole[: len(whole) // 2])
    else:
        copy.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"copy\.sqlite"):
        backup.restore(url_of(tmp_path), copy, NOON)
    with opened(tmp_path) as desk:
        assert queue.books(desk).enqueued == 200
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_that_is_none_is_one_clear_message(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        arrive(desk, 0, 1)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        backup.back_up(url_of(tmp_path), file / "copy.sqlite")
    copy = tmp_path / "copy.sqlite"
    backup.back_up(url_of(tmp_path), copy)
    with pytest.raises(ConfigurationError, match="cannot be replaced"):
        backup.restore(url_of(file), copy, NOON)
    assert backup.restore(url_of(tmp_path), copy, NOON) is not None
    with pytest.raises(ConfigurationError, match="there already; move it away"):
        backup.restore(url_of(tmp_path), copy, NOON)
    with opened(tmp_path) as desk:
        assert queue.books(desk).enqueued == 1
    assert not list(tmp_path.glob("*.part"))


def test_postgres_is_left_to_its_own_tools() -> None:
    url = "postgresql+psycopg://me:secret@db.example:5433/desk"
    with pytest.raises(ConfigurationError) as said:
        backup.back_up(url, Path("x"))
    plain = "postgresql://me@db.example:5433/desk"
    assert f"pg_dump --format=custom --file=desk.dump '{plain}'" in str(said.value)
    assert "pg_restore --clean" in str(said.value)
    assert "secret" not in str(said.value)
