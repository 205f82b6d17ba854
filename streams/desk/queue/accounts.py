"""The people at the desk: their accounts, and the tokens they sign in with."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from models.desk import Account, Credentials, NewAccount
from streams.desk.errors import Conflict, NotThere
from streams.desk.queue import ending
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import moment, ms, packed, some_moment, unpacked
from streams.desk.queue.opening import Desk, read, write
from streams.desk.schema import IS_LIVE, accounts, loans

TOKEN_BYTES = 32
HANDLE = 16
"""Digits of a hash that an account is looked for by; "g" comes after all of them."""


def add_account(
    desk: Desk, actor: str, wanted: NewAccount, simulated: bool, now: datetime
) -> Credentials:
    """A new account with its token, which is not stored and cannot be told again.

    A revoked name is given out anew, with another token and all it says here.

    Raises:
        Conflict: the name is taken.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return write(
        desk,
        lambda db: Credentials(
            account=_add(db, actor, wanted, (simulated, _hash(token), ms(now))), token=token
        ),
    )


def _add(db: Connection, actor: str, wanted: NewAccount, rest: tuple[bool, str, int]) -> Account:
    simulated, token_hash, now = rest
    is_it = accounts.c.name == wanted.name
    found = db.execute(select(accounts).where(is_it).with_for_update(key_share=True)).one_or_none()
    if found is not None and found.revoked_at is None:
        raise Conflict(f"there is an account {wanted.name!r} already: revoke it, or take another")
    if found is not None and found.simulated != simulated:
        raise Conflict(f"{wanted.name!r} was the other kind of reviewer: take another name")
    pools = packed(list(dict.fromkeys(wanted.pools)))
    row: dict[str, Any] = {
        "role": wanted.role,
        "pools": pools,
        "simulated": simulated,
        "token_hash": token_hash,
    }
    row |= {"created_at": now, "revoked_at": None}
    if found is None:
        db.execute(accounts.insert(), {"name": wanted.name, "loans": 0, **row})
    else:
        db.execute(update(accounts).where(is_it).values(**row))
    detail = f"{wanted.role}; pools: {', '.join(wanted.pools) or 'general'}"
    note(db, now, actor, "account.add", (wanted.name, detail))
    return _account(db.execute(select(accounts).where(is_it)).one())


def revoke(desk: Desk, actor: str, name: str, now: datetime) -> None:
    """The account's token is worth nothing from now on; what it holds goes back to the queue.

    Answers it gave stay. To revoke it once more changes nothing.

    Raises:
        NotThere: there is no such account.
    """
    write(desk, lambda db: _revoke(db, actor, name, ms(now)))


def _revoke(db: Connection, actor: str, name: str, now: int) -> None:
    is_it = accounts.c.name == name
    found = db.execute(select(accounts).where(is_it).with_for_update(key_share=True)).one_or_none()
    if found is None:
        raise NotThere(f"there is no account {name!r}")
    if found.revoked_at is not None:
        return
    db.execute(update(accounts).where(is_it).values(revoked_at=now))
    held = db.execute(
        select(loans).where(loans.c.reviewer == name, IS_LIVE).with_for_update(key_share=True)
    )
    ending.give_back(db, list(held), "released", now)
    note(db, now, actor, "account.revoke", (name, ""))


def list_accounts(desk: Desk) -> list[Account]:
    """All accounts by name, the revoked ones too."""
    query = select(accounts).order_by(accounts.c.name)
    return read(desk, lambda db: [_account(row) for row in db.execute(query)])


def account_of(desk: Desk, token: str) -> Account | None:
    """Whose token it is; none when nobody's, or not any more.

    The database looks for the beginning of its hash alone; all of it is compared in constant time.
    """
    wanted = _hash(token)
    handle = wanted[:HANDLE]
    query = select(accounts).where(accounts.c.token_hash.between(handle, handle + "g"))
    near = read(desk, lambda db: list(db.execute(query)))
    found = [row for row in near if hmac.compare_digest(row.token_hash, wanted)]
    return _account(found[0]) if found and found[0].revoked_at is None else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _account(row: Row[Any]) -> Account:
    pools: Iterable[str] = unpacked(row.pools)
    return Account(
        name=row.name,
        role=row.role,
        pools=tuple(pools),
        simulated=row.simulated,
        created_at=moment(row.created_at),
        revoked_at=some_moment(row.revoked_at),
    )
