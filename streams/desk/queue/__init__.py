"""The desk's queue: every item ever enqueued, and what people do with it.

Each function is one transaction (`tend` and `cancel`: several, each whole in itself) on SQLite or
PostgreSQL, may be called from any thread, and refuses with `streams.desk.errors`; a database that
cannot be used now is `QueueUnavailable`, and then nothing was changed.
"""

from streams.desk.queue.accounts import account_of, add_account, list_accounts, revoke
from streams.desk.queue.answering import decide, undo
from streams.desk.queue.arriving import Arrival, enqueue, positions
from streams.desk.queue.audit import audit_log
from streams.desk.queue.cancelling import cancel
from streams.desk.queue.counting import books, lines
from streams.desk.queue.ending import escalate, heartbeat, release, skip
from streams.desk.queue.faults import QueueUnavailable
from streams.desk.queue.gold import add_gold, list_gold, retire_gold
from streams.desk.queue.lending import next_loans
from streams.desk.queue.opening import Desk, open_desk
from streams.desk.queue.own import history, me
from streams.desk.queue.publishing import OutboxRow, sent, waiting_messages
from streams.desk.queue.tending import tend

__all__ = [
    "Arrival",
    "Desk",
    "OutboxRow",
    "QueueUnavailable",
    "account_of",
    "add_account",
    "add_gold",
    "audit_log",
    "books",
    "cancel",
    "decide",
    "enqueue",
    "escalate",
    "heartbeat",
    "history",
    "lines",
    "list_accounts",
    "list_gold",
    "me",
    "next_loans",
    "open_desk",
    "positions",
    "release",
    "retire_gold",
    "revoke",
    "sent",
    "skip",
    "tend",
    "undo",
    "waiting_messages",
]
