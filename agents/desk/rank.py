"""Which item comes first: what a decision is expected to tell, its lane, and how long it waits.

`rank(t) = value * w + lane + age * (t - enqueued)`, t in hours. The part that does not change while
an item waits is kept with it, so that an index can serve the order of one task's items; between
tasks, whose ages may count differently, the part that depends on t is added when they are compared.
"""

from models.result import Lane
from models.task import Ranking


def standing_rank(value: float, lane: Lane, enqueued: float, ranking: Ranking) -> float:
    """The part of the rank that stays as it is while the item waits.

    Args:
        value: how much a decision is expected to tell, 0 to 1.
        lane: why people see the item.
        enqueued: when it came, in hours since the epoch.
        ranking: the task's weights.

    >>> ranking = Ranking(value=1, age=0.5, lanes={"policy": 2})
    >>> standing_rank(0.25, "policy", 10, ranking) - standing_rank(0.25, "uncertain", 10, ranking)
    2.0
    """
    return ranking.value * value + ranking.lanes.get(lane, 0.0) - ranking.age * enqueued


def rank_at(standing: float, now: float, ranking: Ranking) -> float:
    """The rank at a time in hours since the epoch, comparable between tasks.

    >>> ranking = Ranking(value=1, age=0.5, lanes={})
    >>> rank_at(standing_rank(0.25, "uncertain", 10, ranking), 12, ranking)
    1.25
    """
    return standing + ranking.age * now
