import asyncio
from dataclasses import dataclass

import pytest

from streams.assembly.windowed import until_stopped
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.process.vitals import Vitals


@dataclass
class Crashed:
    """An app that has stopped, and what its engine last heard of why."""

    crash_reason: BaseException | None

    async def wait_until_stopped(self) -> None:
        return


async def test_the_first_reason_counts_whatever_breaks_afterwards() -> None:
    vitals = Vitals("annotate", "0", fatal=TooManyDeadLetters("9 of 10"))
    with pytest.raises(TooManyDeadLetters):
        await until_stopped(Crashed(asyncio.CancelledError()), vitals)


async def test_a_cancellation_within_is_an_error_and_no_cancellation() -> None:
    with pytest.raises(RuntimeError, match="CancelledError"):
        await until_stopped(Crashed(asyncio.CancelledError()), Vitals("annotate", "0"))


async def test_a_stop_is_no_error() -> None:
    await until_stopped(Crashed(None), Vitals("annotate", "0"))
