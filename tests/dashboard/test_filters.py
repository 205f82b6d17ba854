from datetime import UTC, datetime, timedelta

import pytest

from dashboard.filters import Filters
from streams.store.figures.choices import Extent

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def filters(length: timedelta | None, first: datetime | None, samples: int = 1000) -> Filters:
    return Filters(
        task="t", run="", version="", slice="", length=length, start=NOW - 5 * HOUR,
        end=NOW - 2 * HOUR, extent=Extent(samples, first, first), live=True,
    )  # fmt: skip


def test_a_relative_range_moves_with_the_clock() -> None:
    scope = filters(HOUR, NOW - 9 * HOUR).scope(NOW)
    assert (scope.start, scope.end) == (NOW - HOUR, NOW)
    assert filters(HOUR, None).scope(NOW + HOUR).end == NOW + HOUR


def test_a_range_begins_no_earlier_than_the_traffic() -> None:
    first = NOW - timedelta(minutes=7, microseconds=1)
    assert filters(24 * HOUR, first).scope(NOW).start == first.replace(microsecond=0)
    assert filters(HOUR, NOW + HOUR).scope(NOW).start == NOW - HOUR


def test_a_fixed_range_stays() -> None:
    scope = filters(None, NOW - 9 * HOUR).scope(NOW)
    assert (scope.start, scope.end) == (NOW - 5 * HOUR, NOW - 2 * HOUR)


@pytest.mark.parametrize(("samples", "buckets"), [(0, 8), (400, 20), (10**6, 60)])
def test_buckets_are_no_finer_than_the_traffic_bears(samples: int, buckets: int) -> None:
    assert filters(HOUR, None, samples).scope(NOW).buckets == buckets
