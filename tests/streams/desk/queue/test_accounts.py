"""Accounts and their tokens; gold; the log of who did what."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, select, text

from models.desk import NewAccount, NewGold
from streams.desk import schema
from streams.desk.errors import Conflict, Misfit, NotThere
from streams.desk.queue import (
    account_of,
    add_account,
    add_gold,
    audit_log,
    list_accounts,
    list_gold,
    open_desk,
    retire_gold,
    revoke,
)
from streams.desk.queue.opening import read
from tests import postgres
from tests.data_records import NOON
from tests.streams.desk.queue.bench import Bench

Open = Callable[..., Bench]
ANA = NewAccount(name="ana", role="senior", pools=("german", "german", "law"))


def test_a_token_is_told_once_and_stored_as_a_hash(opened: Open) -> None:
    desk = opened().desk
    made = add_account(desk, "root", ANA, False, NOON)
    assert made.account.pools == ("german", "law")
    assert len(made.token) >= 43
    assert account_of(desk, made.token) == made.account
    stored = read(desk, lambda db: str(list(db.execute(select(schema.accounts)))))
    assert made.token not in stored


@pytest.mark.parametrize("token", ["", "ana", "\x00", "\ud800", "x" * 100_000])
def test_other_tokens_are_nobodys(opened: Open, token: str) -> None:
    desk = opened().desk
    add_account(desk, "root", ANA, False, NOON)
    assert account_of(desk, token) is None


def test_hashes_that_begin_alike_are_told_apart(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.desk.queue.accounts.HANDLE", 0)
    desk = opened().desk
    ana, bob = (
        add_account(desk, "root", NewAccount(name=name), False, NOON) for name in ("ana", "bob")
    )
    assert account_of(desk, ana.token) == ana.account
    assert account_of(desk, bob.token) == bob.account
    assert account_of(desk, "nobody") is None


def test_a_revoked_token_is_nobodys_and_its_name_may_be_given_out_anew(opened: Open) -> None:
    desk = opened().desk
    lost = add_account(desk, "root", ANA, False, NOON)
    with pytest.raises(Conflict, match="'ana' already"):
        add_account(desk, "root", ANA, False, NOON)
    revoke(desk, "root", "ana", NOON)
    revoke(desk, "root", "ana", NOON)
    assert account_of(desk, lost.token) is None
    assert [each.revoked_at for each in list_accounts(desk)] == [NOON]
    with pytest.raises(Conflict, match="other kind of reviewer"):
        add_account(desk, "root", ANA, True, NOON)
    again = add_account(desk, "root", NewAccount(name="ana"), False, NOON)
    assert again.account.role == "reviewer"
    assert account_of(desk, lost.token) is None
    assert account_of(desk, again.token) == again.account
    with pytest.raises(NotThere):
        revoke(desk, "root", "bob", NOON)


def waits_for_another(engine: Engine) -> bool:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect() as db:
        return bool(db.execute(query).scalar_one())


@pytest.mark.postgres
def test_a_name_that_somebody_takes_at_the_same_moment_is_taken(
    postgres_here: postgres.Server,
) -> None:
    desk = open_desk(postgres_here.new_schema(), {})
    row = {"name": "ana", "role": "admin", "pools": b"[]", "simulated": False}

    def takes(db: Connection) -> None:
        db.execute(schema.accounts.insert(), row | {"token_hash": "", "loans": 0, "created_at": 0})

    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as db:
            takes(db)
            late = pool.submit(add_account, desk, "root", ANA, False, NOON)
            while not (late.done() or waits_for_another(desk.engine)):
                Event().wait(0.005)
        with pytest.raises(Conflict, match="'ana' already"):
            late.result()
    assert [each.role for each in list_accounts(desk)] == ["admin"]
    desk.close()


def test_gold_is_added_once_and_a_text_has_one_answer(opened: Open) -> None:
    desk = opened().desk
    scam = NewGold(task="messages", text="a \x00 prize", labels=("scam",))
    item = add_gold(desk, "root", scam, NOON)
    assert add_gold(desk, "eve", scam, NOON + timedelta(days=1)) == item
    personal = scam.model_copy(update={"labels": ("personal",)})
    with pytest.raises(Conflict, match=rf"other labels \(scam\): retire {item.gold_id}"):
        add_gold(desk, "root", personal, NOON)
    retire_gold(desk, "root", item.gold_id, NOON)
    other = add_gold(desk, "root", personal, NOON)
    assert other.gold_id != item.gold_id
    assert [(each.labels, each.retired_at) for each in list_gold(desk, "messages")] == sorted(
        [(("scam",), NOON), (("personal",), None)],
        key=lambda each: {("scam",): item, ("personal",): other}[each[0]].gold_id,
    )
    retire_gold(desk, "root", other.gold_id, NOON)
    assert add_gold(desk, "root", scam, NOON).retired_at is None
    assert list_gold(desk, "other") == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"task": "other"}, NotThere),
        ({"labels": ("spam",)}, Misfit),
        ({"labels": ("scam", "personal")}, Misfit),
        ({"labels": ()}, Misfit),
    ],
)
def test_gold_must_fit_its_task(
    opened: Open, changes: dict[str, object], error: type[Exception]
) -> None:
    desk = opened().desk
    wanted = NewGold(task="messages", text="a prize", labels=("scam",))
    with pytest.raises(error):
        add_gold(desk, "root", wanted.model_copy(update=changes), NOON)
    with pytest.raises(NotThere):
        retire_gold(desk, "root", "none", NOON)
    assert list_gold(desk) == []


def test_the_log_tells_who_did_what_the_last_one_first(opened: Open) -> None:
    desk = opened().desk
    add_account(desk, "root", ANA, False, NOON)
    later = NOON + timedelta(seconds=1)
    revoke(desk, "eve", "ana", later)
    log = audit_log(desk)
    assert [(each.at, each.actor, each.action, each.target) for each in log] == [
        (later, "eve", "account.revoke", "ana"),
        (NOON, "root", "account.add", "ana"),
    ]
    assert audit_log(desk, 10, before=later) == log[1:]
    assert audit_log(desk, 1) == log[:1]
