"""What is planted: the stated share, replayable, and in no pattern that a reviewer could learn."""

from collections import Counter

import pytest

from agents.desk.interleave import chance_of, next_kind, picked, planted_suggestion


def test_planted_items_take_their_shares() -> None:
    kinds = Counter(next_kind(chance_of("ana", n, "secret"), 0.1, 0.05) for n in range(20_000))
    assert kinds["gold"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert kinds["repeat"] / 20_000 == pytest.approx(0.05, abs=0.01)


def test_another_secret_another_reviewer_or_another_count_is_another_draw() -> None:
    draws = {
        chance_of(name, n, secret)
        for name in ("a", "b")
        for n in range(50)
        for secret in ("s", "t")
    }
    assert len(draws) == 200
    assert chance_of("a", 7, "s") == chance_of("a", 7, "s")


def test_every_candidate_is_picked_some_time_whatever_their_order() -> None:
    candidates = [str(n) for n in range(10)]
    found = {picked(candidates, "ana", n, "s") for n in range(200)}
    assert found == set(candidates)
    assert picked(candidates, "ana", 3, "s") == picked(candidates[::-1], "ana", 3, "s")


def test_a_gold_item_shows_right_and_wrong_labels_but_always_the_same() -> None:
    shown = Counter(planted_suggestion("abc", ("a",), str(n), "s") for n in range(1000))
    assert shown[("a",)] / 1000 == pytest.approx(0.5, abs=0.06)
    assert set(shown) == {("a",), ("b",), ("c",)}
    assert planted_suggestion("ab", ("a",), "7", "s") == planted_suggestion("ab", ("a",), "7", "s")
    assert planted_suggestion("ab", ("a", "b"), "7", "s") in {("a", "b"), ()}
