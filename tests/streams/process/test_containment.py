import asyncio

import pytest

from streams.process.containment import CancelledWithin, contained


async def test_what_was_awaited_comes_through() -> None:
    assert await contained(asyncio.sleep(0, "value")) == "value"
    with pytest.raises(ValueError, match="wrong"):
        await contained(_failing(ValueError("wrong")))


async def test_a_future_that_somebody_else_cancels_is_an_error() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    with pytest.raises(CancelledWithin):
        await contained(future)


async def test_our_own_cancellation_is_passed_on() -> None:
    task = asyncio.create_task(contained(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_around_it_still_holds() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await contained(asyncio.Event().wait())


async def _failing(error: Exception) -> None:
    raise error
