"""Answers that came faster than their text can be read."""

import pytest

from agents.desk.pace import is_bulk, is_quick, time_spent


@pytest.mark.parametrize(
    ("seconds", "characters", "quick"),
    [(0.99, 1, True), (1.0, 1, False), (9.9, 600, True), (10.0, 600, False)],
)
def test_quick_is_faster_than_reading(seconds: float, characters: int, quick: bool) -> None:
    assert is_quick(seconds, characters) is quick


@pytest.mark.parametrize(
    ("quick", "before", "bulk"),
    [
        (True, [True, True], True),
        (True, [True, False], False),
        (True, [], False),
        (False, [True, True], False),
    ],
)
def test_three_in_a_row_are_bulk(quick: bool, before: list[bool], bulk: bool) -> None:
    assert is_bulk(quick, before) is bulk


def test_nobody_spent_longer_than_they_held_it() -> None:
    assert time_spent(3600, 12.5) == 12.5
    assert time_spent(None, 12.5) is None
