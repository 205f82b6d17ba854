"""Forecasts of a queue: what they rule out, and how often they are right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.quality.forecast import ENOUGH, Forecast, Pace, forecast, present_pace

counts = st.integers(0, 5000)


def test_a_queue_that_shrinks_is_done_between_two_moments() -> None:
    found = forecast(120, Pace(2, 40, 160))
    assert found.growth.value == -60.0
    assert found.growth.n == 200
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest < 2.0 < found.latest


def test_a_queue_that_grows_is_never_done() -> None:
    found = forecast(500, Pace(1, 200, 50))
    assert (found.earliest, found.latest) == (None, None)
    assert found.growth.low is not None
    assert found.growth.low > 100


def test_a_pace_nobody_can_be_sure_of_has_no_latest_end() -> None:
    found = forecast(100, Pace(1, 10, 14))
    assert found.earliest is not None
    assert found.latest is None


def test_an_empty_queue_is_done() -> None:
    assert forecast(0, Pace(1, 9, 3)).latest == 0.0


def test_when_nothing_moved_nothing_is_said() -> None:
    found = forecast(7, Pace(24, 0, 0))
    assert found.latest is None
    assert (found.growth.value, found.growth.n) == (0.0, 0)
    assert found.growth.low is not None
    assert found.growth.high is not None
    assert found.growth.low < 0 < found.growth.high, "of nothing, something may happen"


@given(counts, st.sampled_from([0.5, 1.0, 4.0, 24.0]), counts, counts)
def test_moments_are_in_order(waiting: int, hours: float, arrived: int, decided: int) -> None:
    found = forecast(waiting, Pace(hours, arrived, decided))
    growth = found.growth
    assert None not in (growth.low, growth.value, growth.high)
    if found.latest is not None:
        assert found.earliest is not None
        assert 0 <= found.earliest <= found.latest
        assert waiting == 0 or decided > arrived
    elif found.earliest is not None:
        assert found.earliest > 0


@given(st.integers(1, 2000), counts, st.integers(0, 200))
def test_more_people_are_never_later(waiting: int, arrived: int, extra: int) -> None:
    def ends(decided: int) -> Forecast:
        return forecast(waiting, Pace(1.0, arrived, decided))

    few, many = ends(arrived + 2 * extra + 300), ends(arrived + 3 * extra + 400)
    if few.latest is not None:
        assert many.latest is not None
        assert many.latest <= few.latest + 1e-9


@pytest.mark.parametrize(("arriving", "deciding", "waiting"), [(20, 60, 100), (5, 12, 60)])
def test_the_queue_is_done_when_it_was_said_to_be(
    arriving: float, deciding: float, waiting: int
) -> None:
    """At 97.5 % each way, over drawn pasts and drawn futures (steps of a minute)."""
    rng = np.random.default_rng(2)
    early = late = 0
    runs = 400
    for _ in range(runs):
        past = Pace(1, int(rng.poisson(arriving)), int(rng.poisson(deciding)))
        found = forecast(waiting, past)
        steps = rng.poisson(arriving / 60, 6000) - rng.poisson(deciding / 60, 6000)
        empty = np.flatnonzero(waiting + np.cumsum(steps) <= 0)
        done = (empty[0] + 1) / 60 if len(empty) else float("inf")
        early += found.earliest is None or done < found.earliest
        late += found.latest is not None and done > found.latest
    assert early / runs <= 0.06
    assert late / runs <= 0.05


def test_a_pace_is_as_fresh_as_can_be() -> None:
    slow = [Pace(24, 50, 40), Pace(1, 9, ENOUGH - 1), Pace(4, 20, ENOUGH)]
    assert present_pace(slow).hours == 4
    assert present_pace([Pace(1, 0, 0), Pace(24, 1, 1)]).hours == 24
