"""An admin's calls, and what keeps everybody else from making them."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.desk import Cancel, NewAccount, NewGold, Wanted
from streams.desk.client import DeskClient
from streams.desk.errors import Conflict, NotAllowed, NotSignedIn, NotThere
from tests.desk_bench import Bench, bench, review, task_of

CALLS: tuple[Callable[[DeskClient], object], ...] = (
    DeskClient.books,
    DeskClient.queue,
    lambda client: client.cancel(Cancel(task="mail", reason="over")),
    DeskClient.accounts,
    lambda client: client.add_account(NewAccount(name="eve", role="admin")),
    lambda client: client.revoke("root"),
    DeskClient.gold,
    lambda client: client.add_gold(NewGold(task="mail", text="x", labels=("spam",))),
    lambda client: client.retire_gold("0" * 32),
    DeskClient.audit,
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Bench]:
    with bench(f"sqlite:///{tmp_path / 'desk.sqlite'}", {"mail": task_of()}) as b:
        yield b


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_only_an_admin_may(here: Bench, number: int) -> None:
    for refused, client in (
        (NotAllowed, here.signed_in("ann")),
        (NotAllowed, here.signed_in("bo", "senior")),
        (NotSignedIn, DeskClient(here.url)),
        (NotSignedIn, DeskClient(here.url, "no-such-token")),
    ):
        with pytest.raises(refused):
            CALLS[number](client)
        client.close()
    with contextlib.suppress(NotThere):
        CALLS[number](here.signed_in("root", "admin"))


def test_the_books_balance_and_the_queue_is_seen(here: Bench) -> None:
    here.arrive(range(5))
    root, ann = here.signed_in("root", "admin"), here.signed_in("ann")
    ann.next(Wanted(count=2))
    books = root.books()
    assert books.balanced
    assert (books.enqueued, books.states["open"], books.states["leased"]) == (5, 3, 2)
    [line] = root.queue()
    assert (line.task, line.pool, line.open, line.leased) == ("mail", "general", 3, 2)
    by_result = Cancel(results=(review(0, task_of()).result_id,), reason="twice")
    assert root.cancel(by_result) + root.cancel(Cancel(task="mail", reason="over")) == 3
    assert root.books().states["cancelled"] == 3
    assert root.books().states["leased"] == 2


def test_accounts_are_made_once_and_revoked_at_once(here: Bench) -> None:
    root = here.signed_in("root", "admin")
    made = root.add_account(NewAccount(name="ann", role="senior", pools=("german",)))
    with pytest.raises(Conflict):
        root.add_account(NewAccount(name="ann"))
    with DeskClient(here.url, made.token) as ann:
        assert ann.me().role == "senior"
        root.revoke("ann")
        with pytest.raises(NotSignedIn):
            ann.me()
    [account] = [one for one in root.accounts() if one.name == "ann"]
    assert account.revoked_at is not None
    assert "token" not in account.model_dump()


def test_gold_is_added_once_and_retired(here: Bench) -> None:
    root = here.signed_in("root", "admin")
    new = NewGold(task="mail", text="buy now", labels=("spam",))
    first = root.add_gold(new)
    assert root.add_gold(new).gold_id == first.gold_id
    assert [one.gold_id for one in root.gold("mail")] == [first.gold_id]
    root.retire_gold(first.gold_id)
    assert [one.retired_at for one in root.gold()] != [None]


def test_what_an_admin_does_is_noted(here: Bench) -> None:
    root = here.signed_in("root", "admin")
    root.add_account(NewAccount(name="ann"))
    root.revoke("ann")
    noted = root.audit(limit=2)
    assert {(one.actor, one.target) for one in noted} == {("root", "ann")}
