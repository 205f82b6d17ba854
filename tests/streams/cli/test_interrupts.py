import asyncio
import os
import signal

import pytest

from streams.cli.interrupts import until_interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_work_after_its_clean_up(number: signal.Signals) -> None:
    seen: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    await until_interrupted(work())
    assert seen == ["cleaned up"]


async def test_an_error_of_the_work_is_the_error() -> None:
    async def work() -> None:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await until_interrupted(work())
