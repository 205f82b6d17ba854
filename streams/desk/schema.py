"""The tables of the desk's queue, the same in SQLite and PostgreSQL.

Times are milliseconds since the epoch (UTC). Whatever people or samples wrote is JSON in bytes: no
text of theirs is ever compared or sorted by the database, and none can be refused by it.

Every index serves one of the questions asked all day (what is next, what is due, how many wait), so
that their cost follows the items that wait, not the millions that are closed.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

VERSION = 1
"""Grows with every change of these tables; a queue of a later version is refused."""

metadata = MetaData()

BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A number that SQLite gives out itself."""

LENT = ("reviewer", "role", "task", "item", "gold_id", "earlier", "suggestion_shown")
"""Who was asked what, and how: columns of a loan, repeated by its answer for indexes of its own."""


def _lent() -> tuple[Column[Any], ...]:
    return (
        Column("reviewer", Text, nullable=False),
        Column("role", Text, nullable=False, comment="a decision's role"),
        Column("task", Text, nullable=False),
        Column("item", ForeignKey(items.c.id), comment="null for gold"),
        Column("gold_id", Text),
        Column("earlier", Text, comment="the answer that a repeat is compared with"),
        Column("suggestion_shown", Boolean, nullable=False),
    )


def _where(condition: str) -> dict[str, Any]:
    """Of a partial index, on either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


about = Table(
    "desk",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("secret", Text, nullable=False, comment="makes planted items unguessable"),
    Column("created_at", BigInteger, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("task", Text, primary_key=True),
    Column("ranking", LargeBinary, nullable=False, comment="the weights its items stand by"),
)

items = Table(
    "items",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("item_id", Text, nullable=False, unique=True, comment="the result's id"),
    Column("task", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("rank", Float, nullable=False, comment="the part that does not change with time"),
    Column("planned", Boolean, nullable=False, comment="its task's file was there when it came"),
    Column("adjudicate", Boolean, nullable=False),
    Column("reviewers", SmallInteger, nullable=False, comment="N, frozen"),
    Column("wanted", SmallInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("live", SmallInteger, nullable=False),
    Column("pending", SmallInteger, nullable=False),
    Column("final", SmallInteger, nullable=False),
    Column("skips", SmallInteger, nullable=False),
    Column("free", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("enqueued_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    CheckConstraint("free >= 0 AND live >= 0 AND pending >= 0 AND final >= 0", name="never_over"),
    CheckConstraint("free = wanted - live - pending - final", name="places_add_up"),
    CheckConstraint("wanted <= reviewers + level", name="never_more_than_asked"),
    CheckConstraint(
        "state IN ('open', 'leased', 'decided', 'expired', 'cancelled')", name="known_state"
    ),
    sqlite_autoincrement=True,
)

IS_LENDABLE = text("items.closed_at IS NULL AND items.free > 0")
IS_WAITING = text("items.closed_at IS NULL")
IS_OPEN = text("items.state = 'open'")
"""Conditions of partial indexes: an index serves only a query that says them word for word."""

Index(
    "items_to_lend",
    *(items.c.task, items.c.pool, items.c.level, items.c.rank.desc(), items.c.id),
    **_where("closed_at IS NULL AND free > 0"),
)
Index(
    "items_waiting",
    *(items.c.task, items.c.pool, items.c.lane, items.c.level, items.c.state, items.c.enqueued_at),
    **_where("closed_at IS NULL"),
)
Index(
    "items_due",
    items.c.due_at,
    **_where("state = 'open'"),
)

contents = Table(
    "contents",
    metadata,
    Column("item", ForeignKey(items.c.id), primary_key=True, autoincrement=False),
    Column("key", LargeBinary, comment="of the sample's record"),
    Column("partition", Integer, nullable=False, comment="of the sample's record"),
    Column("asked", LargeBinary, nullable=False, comment="what each of its decisions repeats"),
    Column("body", LargeBinary, nullable=False, comment="the review task as it came"),
    Column("characters", Integer, nullable=False, comment="to read"),
)

taken = Table(
    "taken",
    metadata,
    Column("reviewer", Text, primary_key=True),
    Column("item", ForeignKey(items.c.id), primary_key=True, autoincrement=False),
    Index("taken_item", "item"),
    comment="who has, answered or passed by which item that still waits",
    sqlite_with_rowid=False,
)

loans = Table(
    "loans",
    metadata,
    Column("lease", Text, primary_key=True),
    *_lent(),
    Column("version", Text, nullable=False, comment="the task's, as shown"),
    Column("undoes", Text, comment="the answer that was taken back for it"),
    Column("nth", BigInteger, nullable=False, comment="of its reviewer's; from 0"),
    Column("granted_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ending", Text, comment="answered, skipped, escalated, released or lapsed"),
    Column("reason", LargeBinary, comment="why it was skipped or escalated"),
    CheckConstraint("(item IS NULL) <> (gold_id IS NULL)", name="one_of_both"),
    CheckConstraint("(ended_at IS NULL) = (ending IS NULL)", name="one_ending"),
)
Index(
    "loans_live",
    loans.c.expires_at,
    **_where("ended_at IS NULL"),
)
Index(
    "loans_in_hand",
    loans.c.reviewer,
    **_where("ended_at IS NULL"),
)
Index("loans_ended", loans.c.reviewer, loans.c.ended_at)
IS_LIVE = text("loans.ended_at IS NULL")

answers = Table(
    "answers",
    metadata,
    Column("id", BigKey, primary_key=True, comment="in the order they were given"),
    Column("answer", Text, nullable=False, unique=True),
    Column("lease", ForeignKey(loans.c.lease), nullable=False, unique=True),
    *_lent(),
    Column("simulated", Boolean, nullable=False),
    Column("kind", Text, nullable=False),
    Column("labels", LargeBinary, nullable=False, comment="JSON"),
    Column("reason", LargeBinary, nullable=False, comment="JSON"),
    Column("seconds", Float),
    Column("quick", Boolean, nullable=False),
    Column("bulk", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("undo_until", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("repeated", Boolean, nullable=False, comment="shown again, or about to be"),
    CheckConstraint("state IN ('pending', 'undone', 'final')", name="known_state"),
    sqlite_autoincrement=True,
)
Index("answers_of_reviewer", answers.c.reviewer, answers.c.at)
Index("answers_of_item", answers.c.item)
Index(
    "answers_due",
    answers.c.undo_until,
    **_where("state = 'pending'"),
)
Index(
    "answers_to_repeat",
    *(answers.c.reviewer, answers.c.task, answers.c.at),
    **_where("state = 'final' AND role = 'review' AND NOT repeated"),
)
Index(
    "one_answer_each",
    *(answers.c.item, answers.c.reviewer),
    unique=True,
    **_where("item IS NOT NULL AND role <> 'repeat' AND state <> 'undone'"),
)
IS_PENDING = text("answers.state = 'pending'")
IS_REPEATABLE = text("answers.state = 'final' AND answers.role = 'review' AND NOT answers.repeated")

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigKey, primary_key=True),
    Column("key", LargeBinary),
    Column("partition", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
    comment="decisions and outcomes that the broker has not stored yet",
    sqlite_autoincrement=True,
)

counted = Table(
    "counted",
    metadata,
    Column("what", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    comment="items enqueued and closed, summed up from counts",
)

counts = Table(
    "counts",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("what", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    comment="added in the transaction that enqueues or closes; summed up later",
    sqlite_autoincrement=True,
)

offsets = Table(
    "offsets",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("pools", LargeBinary, nullable=False, comment="JSON"),
    Column("simulated", Boolean, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True, comment="SHA-256"),
    Column("loans", BigInteger, nullable=False, comment="given so far"),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

gold = Table(
    "gold",
    metadata,
    Column("gold_id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("content", Text, nullable=False, comment="identity of the text without its labels"),
    Column("body", LargeBinary, nullable=False, comment="JSON"),
    Column("characters", Integer, nullable=False, comment="to read"),
    Column("added_by", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    Index("gold_of_task", "task"),
)

Index(
    "one_answer_to_a_text",
    gold.c.content,
    unique=True,
    **_where("retired_at IS NULL"),
)

gold_given = Table(
    "gold_given",
    metadata,
    Column("reviewer", Text, primary_key=True),
    Column("gold_id", ForeignKey(gold.c.gold_id), primary_key=True),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", LargeBinary, nullable=False, comment="JSON"),
    Column("detail", LargeBinary, nullable=False, comment="JSON"),
    Index("audit_at", "at"),
    sqlite_autoincrement=True,
)
