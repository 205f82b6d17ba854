"""When a stage that buries its traffic stops, and when it must not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidRecord
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters, lower_bound


def buried_until_stopped(limit: DeadLetterLimit, error: Exception, most: int) -> int:
    for count in range(1, most + 1):
        try:
            limit.bury(error)
        except TooManyDeadLetters:
            return count
    return most + 1


def test_a_stage_that_buries_everything_stops_after_half_a_window() -> None:
    assert buried_until_stopped(DeadLetterLimit(0.5, 100), InvalidRecord("no"), 100) == 50


def test_the_message_says_how_much_what_most_often_and_what_to_do() -> None:
    limit = DeadLetterLimit(0.5, 100)
    limit.settled(10)
    error = InvalidRecord("task: 'x' is\nnot served")
    for _ in range(39):
        limit.bury(error)
    with pytest.raises(TooManyDeadLetters) as raised:
        limit.bury(error)
    said = str(raised.value)
    assert "40 of the last 50 records" in said
    assert "80%" in said
    assert "InvalidRecord, lately: task: 'x' is not served" in said
    assert "dead-letters replay --all" in said
    assert "\n" not in said


@pytest.mark.parametrize("every", [50, 3])
def test_poison_among_good_records_never_stops_it(every: int) -> None:
    limit = DeadLetterLimit(0.5, 100)
    for number in range(5000):
        if number % every:
            limit.settled()
        else:
            limit.bury(InvalidRecord("poison"))


def test_a_share_at_the_limit_is_no_proof() -> None:
    limit, rng = DeadLetterLimit(0.5, 1000), random.Random(7)
    for _ in range(1000):
        if rng.random() < 0.5:
            limit.settled()
        else:
            limit.bury(ValueError("x"))


def test_old_records_are_forgotten() -> None:
    limit = DeadLetterLimit(0.5, 100)
    limit.settled(100_000)
    assert buried_until_stopped(limit, ValueError("x"), 200) < 80


def test_a_limit_of_one_never_stops() -> None:
    assert buried_until_stopped(DeadLetterLimit(1.0, 20), ValueError("x"), 500) == 501


def test_letters_that_are_stored_count_too() -> None:
    limit = DeadLetterLimit(0.5, 20)
    limit.settled(3)
    with pytest.raises(TooManyDeadLetters, match=r"17 of the last 20 .* refused"):
        limit.buried(17, "refused")


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_the_bound_lies_between_nothing_and_the_share(buried: int, settled: int) -> None:
    buried = min(buried, settled)
    assert -1e-12 <= lower_bound(buried, settled) <= buried / settled + 1e-12
