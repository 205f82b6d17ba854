"""Many people at the same few items at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from models.desk import Account, Wanted
from streams.desk.queue import Desk, decide, next_loans, open_desk, tend
from tests.streams.desk.queue.bench import PERSONAL, SCAM, Bench, arrival, in_memory, task

PEOPLE, ITEMS, NEEDED = 20, 30, 3


def test_twenty_at_once_never_give_an_item_more_answers_than_it_wants(url: str) -> None:
    rules: dict[str, Any] = {"reviewers": NEEDED, "undo_seconds": 0, "adjudicate": False}
    desks = [open_desk(url, {"messages": task(**rules)}) for _ in range(2)]
    for desk in desks:
        in_memory(desk)
    bench = Bench(desks[0])
    bench.add(*(arrival(number) for number in range(ITEMS)))
    people = [bench.person(f"r{number}") for number in range(PEOPLE)]
    start = threading.Barrier(PEOPLE)

    def works(number: int) -> int:
        """Until nothing is left; half of them through another connection to the same queue."""
        start.wait()
        return _works(desks[number % 2], people[number], bench)

    with ThreadPoolExecutor(PEOPLE) as pool:
        answered = sum(pool.map(works, range(PEOPLE)))
    assert answered == ITEMS * NEEDED
    bench.passes(1)
    assert bench.states() == {"decided": ITEMS}
    bench.checked()
    for desk in desks:
        desk.close()


def _works(desk: Desk, who: Account, bench: Bench) -> int:
    done = 0
    while found := next_loans(desk, who, Wanted(count=2), bench.now):
        for loan in found:
            given = SCAM if done % 2 else PERSONAL
            decide(desk, who, loan.lease, given, bench.now)
            done += 1
        tend(desk, bench.now)
    return done


def test_calls_of_the_same_reviewer_at_once_share_their_loans(opened: Callable[..., Bench]) -> None:
    bench = opened()
    bench.add(*(arrival(number) for number in range(20)))
    ana = bench.person("ana")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: bench.loans(ana, 2), range(16)))
    assert len({loan.lease for loans in found for loan in loans}) == 2
    bench.checked()
