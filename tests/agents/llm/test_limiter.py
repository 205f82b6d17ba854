import asyncio

import pytest

from agents.llm.limiter import Limiter
from models.errors import ModelUnavailable
from tests.scripted_bench import Clock


async def turn() -> None:
    """Let everything that can run, run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_in_flight_than_the_limit() -> None:
    limiter = Limiter(2, Clock())
    calls = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
    await turn()
    assert limiter.in_flight == 2
    for expected_done in (3, 4, 5):
        limiter.release()
        await turn()
        assert sum(call.done() for call in calls) == expected_done
    assert limiter.in_flight == 2


async def test_halves_once_per_round_and_grows_back_by_one_per_round() -> None:
    limiter = Limiter(16, Clock())
    rounds = [await limiter.acquire() for _ in range(16)]
    for number in rounds:
        limiter.halve(number)
    assert limiter.limit == 8
    for _ in range(16):
        limiter.release()
    for _ in range(8):
        limiter.grow()
    assert limiter.limit == pytest.approx(9, abs=0.5)


async def test_never_below_one_call_nor_above_the_most() -> None:
    limiter = Limiter(4, Clock())
    for _ in range(10):
        limiter.halve(await limiter.acquire())
        limiter.release()
    assert limiter.limit == 1
    for _ in range(100):
        limiter.grow()
    assert limiter.limit == 4


async def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    limiter = Limiter(1, Clock())
    await limiter.acquire()
    first = asyncio.create_task(limiter.acquire())
    second = asyncio.create_task(limiter.acquire())
    await turn()
    first.cancel()
    await turn()
    limiter.release()
    await turn()
    assert second.done()
    assert limiter.in_flight == 1


async def test_a_wait_cancelled_just_as_its_place_came_free_gives_it_on() -> None:
    limiter = Limiter(1, Clock())
    await limiter.acquire()
    first = asyncio.create_task(limiter.acquire())
    second = asyncio.create_task(limiter.acquire())
    await turn()
    limiter.release()
    first.cancel()
    await turn()
    assert second.done()
    assert limiter.in_flight == 1


async def test_rests_as_long_as_the_endpoint_asked_for() -> None:
    clock = Clock()
    limiter = Limiter(4, clock)
    limiter.rest(3.0)
    limiter.rest(1.0)
    clock.seconds = 1.0
    with pytest.raises(ModelUnavailable) as caught:
        await limiter.acquire()
    assert caught.value.retry_after == pytest.approx(2.0)
    clock.seconds = 3.0
    await limiter.acquire()
