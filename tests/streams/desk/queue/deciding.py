"""A process that decides as fast as it can and tells each answer the queue has acknowledged.

Run as `python -m tests.streams.desk.queue.deciding URL NAME`; it is made to be killed.
"""

import sys

from models.desk import Wanted
from streams.desk.queue import decide, list_accounts, next_loans, open_desk, tend
from tests.data_records import NOON
from tests.streams.desk.queue.bench import SCAM, task

if __name__ == "__main__":
    url, name = sys.argv[1:]
    desk = open_desk(url, {"messages": task(undo_seconds=0)})
    (who,) = [each for each in list_accounts(desk) if each.name == name]
    while found := next_loans(desk, who, Wanted(count=2), NOON):
        print(decide(desk, who, found[0].lease, SCAM, NOON).answer, flush=True)
        tend(desk, NOON)
