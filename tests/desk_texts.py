"""Items with texts of one's own at a real desk, and somebody to read them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from models.desk import AccountRole, NewAccount
from streams.desk import queue
from streams.desk.api.app import now
from streams.desk.queue import Arrival
from tests.desk_bench import Clock, review


class Today(Clock):
    """The time as it is."""

    def __call__(self) -> datetime:
        return now()


_NUMBERS = count(10_000)


def arrive(desk: queue.Desk, texts: Sequence[str]) -> None:
    """Items with these texts come in, in this order."""
    task = next(iter(desk.tasks.values()))
    for text in texts:
        number = next(_NUMBERS)
        made = review(number, task)
        sample = made.sample.model_copy(update={"text": text})
        arrival = Arrival(made.model_copy(update={"sample": sample}), b"key", number % 4)
        queue.enqueue(desk, [arrival], {}, now())


def account(desk: queue.Desk, name: str, role: AccountRole = "reviewer") -> str:
    """A new account's token."""
    made = queue.add_account(desk, "test", NewAccount(name=name, role=role), False, now())
    return made.token
