"""The memory of met samples: bounded, by event time, exact to resume."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.drift import recent_keys
from agents.drift.recent_keys import RecentKeys

DAY = 86_400.0
fed = st.lists(st.tuples(st.text(max_size=3), st.integers(0, 400_000)), max_size=60)


def test_a_key_is_remembered_for_a_day_of_event_time_and_then_forgotten() -> None:
    keys = RecentKeys()
    keys.repeated("first", 0.0)
    for hour in range(1, 25):
        keys.repeated(f"hour {hour}", hour * 3600.0)
    assert keys.repeated("first", DAY)
    keys.repeated("later", DAY + 3600.0)
    assert not keys.repeated("first", DAY + 3600.0)


def test_a_record_stamped_years_ahead_makes_nothing_forgotten() -> None:
    keys = RecentKeys()
    keys.repeated("first", 0.0)
    keys.repeated("from the future", 100 * 365 * DAY)
    assert keys.repeated("first", 60.0)


def test_no_more_keys_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_keys, "KEY_LIMIT", 100)
    keys = RecentKeys()
    for number in range(1000):
        keys.repeated(str(number), 0.0)
    assert len(keys) == 100
    assert keys.repeated("999", 0.0)
    assert not keys.repeated("0", 0.0)


def test_a_full_memory_fits_in_a_snapshot() -> None:
    keys = RecentKeys()
    for number in range(recent_keys.KEY_LIMIT):
        keys.repeated(str(number), number * 0.5)
    assert len(json.dumps(keys.state())) < 700_000


def test_keys_with_lone_surrogates_are_keys_too() -> None:
    keys = RecentKeys()
    assert not keys.repeated("\ud800", 0.0)
    assert keys.repeated("\ud800", 0.0)


@given(before=fed, after=fed)
def test_resumed_from_json_it_goes_on_exactly(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    running = RecentKeys()
    for key, at in before:
        running.repeated(key, float(at))
    resumed = RecentKeys.from_state(json.loads(json.dumps(running.state())))
    for key, at in after:
        assert resumed.repeated(key, float(at)) == running.repeated(key, float(at))
    assert resumed.state() == running.state()
