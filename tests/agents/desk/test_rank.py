"""The order of items: by value, lane and age, and the same at any later time."""

from hypothesis import given
from hypothesis import strategies as st

from agents.desk.rank import rank_at, standing_rank
from models.task import Ranking

hours = st.floats(480_000, 500_000)
value = st.floats(0, 1)


@given(value, value, hours, hours, hours)
def test_the_order_of_two_items_of_a_task_never_changes(
    one: float, other: float, came: float, later: float, now: float
) -> None:
    ranking = Ranking()
    first = standing_rank(one, "uncertain", came, ranking)
    second = standing_rank(other, "uncertain", later, ranking)
    gap = rank_at(first, now, ranking) - rank_at(second, now, ranking)
    assert abs(gap - (first - second)) < 1e-6


def test_an_hour_of_waiting_counts_what_the_task_says() -> None:
    ranking = Ranking(value=2, age=0.25, lanes={"policy": 3})
    standing = standing_rank(0.5, "policy", 490_000, ranking)
    assert rank_at(standing, 490_000, ranking) == 4
    assert rank_at(standing, 490_004, ranking) == 5


def test_tasks_whose_ages_count_differently_are_compared_by_what_their_items_have_waited() -> None:
    slow, fast = Ranking(age=0.05), Ranking(age=5)
    old = standing_rank(1, "uncertain", 490_000, slow)
    new = standing_rank(0.1, "uncertain", 490_000, fast)
    assert rank_at(old, 490_000, slow) > rank_at(new, 490_000, fast)
    assert rank_at(old, 490_001, slow) < rank_at(new, 490_001, fast)
