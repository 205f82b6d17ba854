"""Bounded calls in flight, fewer when the endpoint says 429: additive increase, halving."""

import asyncio
from collections import deque
from collections.abc import Callable

from models.errors import ModelUnavailable
from models.settings import PATIENCE_SECONDS


class Limiter:
    """At most `limit` calls in flight.

    The limit starts at `most`, halves once per round of 429s (calls that began before the last
    halving do not halve again) and grows by one per `limit` successes (AIMD, Chiu and Jain 1989).
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Start at the highest limit; `clock` counts seconds for `rest`."""
        self.limit = float(most)
        self.in_flight = 0
        self._most = float(most)
        self._clock = clock
        self._round = 0
        self._quiet_until = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> int:
        """Wait for a place; the round number to hand back to `halve`.

        Raises:
            ModelUnavailable: the endpoint asked for a rest that is not over, or no place came free.
        """
        left = self._quiet_until - self._clock()
        if left > 0:
            raise ModelUnavailable("the endpoint limits its rate (HTTP 429)", left)
        if self.in_flight < int(self.limit) and not self._waiting:
            self.in_flight += 1
        else:
            await self._wait()
        return self._round

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake()

    def grow(self) -> None:
        """A call succeeded."""
        if self.limit < self._most:
            self.limit = min(self._most, self.limit + 1 / self.limit)

    def halve(self, round_number: int) -> None:
        """A call of that round was answered 429."""
        if round_number == self._round:
            self._round += 1
            self.limit = max(1.0, self.limit / 2)

    def rest(self, seconds: float) -> None:
        """Let nothing in for so long: the endpoint named the time."""
        self._quiet_until = max(self._quiet_until, self._clock() + seconds)

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._place(place)
        except TimeoutError as exc:
            raise ModelUnavailable("all places at the endpoint are taken") from exc

    async def _place(self, place: "asyncio.Future[None]") -> None:
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release()
            raise

    def _wake(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
