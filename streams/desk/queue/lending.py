"""What a reviewer is given next: under a lease, in the order of rank, and never over the places."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, exists, literal, select, union_all, update

from agents.desk.interleave import chance_of, next_kind
from agents.desk.places import PARTS
from agents.desk.pools import levels_open_to, pools_open_to
from agents.desk.rank import rank_at
from models.desk import Account, Loan, Wanted
from streams.desk.errors import NotSignedIn
from streams.desk.queue import planting
from streams.desk.queue.encoding import HOUR_MS, ms
from streams.desk.queue.moving import item_of, keep
from streams.desk.queue.opening import Desk, write
from streams.desk.queue.planting import Chosen
from streams.desk.queue.served import review_of, task_of
from streams.desk.queue.showing import loans_shown, version_of
from streams.desk.schema import IS_LENDABLE, IS_LIVE, accounts, items, loans, taken

TOKEN_BYTES = 24

AT_ONCE = 100
"""Groups of one query: SQLite joins five hundred queries at most."""


class Group(NamedTuple):
    """Items whose order one index serves."""

    task: str
    pool: str
    level: int


def next_loans(desk: Desk, who: Account, wanted: Wanted, now: datetime) -> list[Loan]:
    """What the reviewer has in hand then, the oldest first, without what their screen holds.

    Asking twice gives the same loans: a lost response or a page opened anew loses nothing.

    Raises:
        NotThere: the wanted task is not served here.
        NotSignedIn: the account has been revoked meanwhile.
    """
    if wanted.task is not None:
        task_of(desk, wanted.task)
    return write(desk, lambda db: _next_loans(db, desk, who, wanted, ms(now)))


def _next_loans(db: Connection, desk: Desk, who: Account, wanted: Wanted, now: int) -> list[Loan]:
    given = _loans_so_far(db, who)
    in_hand = _in_hand(db, who, wanted.task, now)
    groups = _groups_open_to(desk, who, wanted.task)
    new: list[str] = []
    while len(in_hand) + len(new) < wanted.count:
        chosen = _chosen(db, desk, who, groups, (given + len(new), now))
        if chosen is None:
            break
        nth = given + len(new)
        new.append(lend(db, desk, who, chosen._replace(nth=nth), now))
    if new:
        count = update(accounts).where(accounts.c.name == who.name)
        db.execute(count.values(loans=given + len(new)))
    leases = [lease for lease in in_hand if lease not in wanted.held] + new
    return loans_shown(db, desk, leases)


def _loans_so_far(db: Connection, who: Account) -> int:
    """Loans the reviewer was given; their other calls for more wait until this one is done."""
    query = select(accounts.c.loans).where(
        accounts.c.name == who.name, accounts.c.revoked_at.is_(None)
    )
    found = db.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
    if found is None:
        raise NotSignedIn("this account has been revoked, or is not of this desk")
    return int(found)


def _in_hand(db: Connection, who: Account, task: str | None, now: int) -> list[str]:
    query = select(loans.c.lease).where(
        loans.c.reviewer == who.name, IS_LIVE, loans.c.expires_at > now
    )
    if task is not None:
        query = query.where(loans.c.task == task)
    return list(db.execute(query.order_by(loans.c.nth, loans.c.granted_at)).scalars())


def _groups_open_to(desk: Desk, who: Account, task: str | None) -> list[Group]:
    """The groups of items a reviewer may be given from."""
    tasks = list(desk.tasks) if task is None else [task]
    return [
        Group(name, pool, level)
        for name in tasks
        for pool in pools_open_to(who.pools)
        for level in levels_open_to(who.role)
    ]


def _chosen(
    db: Connection, desk: Desk, who: Account, groups: Sequence[Group], moment: tuple[int, int]
) -> Chosen | None:
    """What the reviewer gets next; none when no item is open for them."""
    given, now = moment
    for head in _heads(db, desk, who, groups, now):
        review = review_of(desk, head.task)
        chance = chance_of(who.name, given, desk.secret)
        kind = next_kind(chance, review.gold_share, review.repeat_share)
        planted = planting.planted(db, desk, who, (kind, head, given))
        if planted is not None:
            return planted
        row = _locked_head(db, who, Group(head.task, head.pool, head.level))
        if row is not None:
            return _to_lend(db, row)
    return None


def _heads(
    db: Connection, desk: Desk, who: Account, groups: Sequence[Group], now: int
) -> list[Row[Any]]:
    """The best item of each group, the best of all first."""
    each = [select(_best(who, group).subquery()) for group in groups]
    found: list[Row[Any]] = []
    for first in range(0, len(each), AT_ONCE):
        found += db.execute(union_all(*each[first : first + AT_ONCE]))
    hours = now / HOUR_MS
    return sorted(
        found, key=lambda row: -rank_at(row.rank, hours, review_of(desk, row.task).ranking)
    )


def _best(who: Account, group: Group) -> Any:
    """The best item of a group that the reviewer has not had."""
    had = exists(literal(1)).where(taken.c.item == items.c.id, taken.c.reviewer == who.name)
    return (
        select(items)
        .where(items.c.task == group.task, items.c.pool == group.pool)
        .where(items.c.level == group.level, IS_LENDABLE, ~had)
        .order_by(items.c.rank.desc(), items.c.id)
        .limit(1)
    )


def _locked_head(db: Connection, who: Account, group: Group) -> Row[Any] | None:
    """The best item of a group that no other transaction has locked, locked."""
    return db.execute(
        _best(who, group).with_for_update(skip_locked=True, key_share=True)
    ).one_or_none()


def _to_lend(db: Connection, row: Row[Any]) -> Chosen:
    item = item_of(row)
    keep(db, {item.id: item.places.lent()})
    return Chosen(
        role=item.places.part, task=row.task, version=version_of(db, item.id), item=item.id
    )


def lend(db: Connection, desk: Desk, who: Account, chosen: Chosen, now: int) -> str:
    """A new lease on what was chosen; its places are counted already."""
    lease = secrets.token_urlsafe(TOKEN_BYTES)
    review = review_of(desk, chosen.task)
    if chosen.role in PARTS and chosen.undoes is None:
        db.execute(taken.insert(), {"reviewer": who.name, "item": chosen.item})
    db.execute(
        loans.insert(),
        {
            "lease": lease,
            "reviewer": who.name,
            **chosen._asdict(),
            "suggestion_shown": review.suggestion == "shown",
            "granted_at": now,
            "expires_at": now + round(review.lease_seconds * 1000),
        },
    )
    return lease
