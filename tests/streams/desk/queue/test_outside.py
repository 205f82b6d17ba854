"""Answers from another tool: one that is odd hinders none of the others."""

from collections.abc import Callable

import pytest

from streams.desk.queue.outside import Outside, take_answers
from tests.streams.desk.queue.bench import SCAM, Bench, arrival


@pytest.mark.parametrize("odd", ["nowhere", "a\x00b", "\ud800"])
def test_an_item_that_cannot_be_is_refused_alone(opened: Callable[..., Bench], odd: str) -> None:
    bench = opened()
    bench.add(arrival(0))
    real = arrival(0).task.result_id
    given = [Outside(each, "csv:ann", SCAM) for each in (odd, real)]
    refused, taken = take_answers(bench.desk, "root", given, bench.now)
    assert (refused.outcome, refused.why) == ("refused", f"no item {odd!r} is in this queue")
    assert taken.outcome == "taken"
    bench.passes(0)
    assert [each.reviewer for each in bench.decisions] == ["csv:ann"]
    bench.checked()
