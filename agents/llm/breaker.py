"""A circuit breaker: stops asking an endpoint that is down, and finds out when it is back."""

from collections.abc import Callable
from typing import Literal

from models.errors import ModelUnavailable

State = Literal["closed", "open", "half_open"]

PROBE_SECONDS = 1.0


class Breaker:
    """Closed until calls fail in a row, then open for a rest, then one probe decides.

    Calls that were let in before the last change of state no longer count. A probe that ends with
    neither success nor failure (cancelled, or broken by its own record) frees its place at once.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        threshold: int = 5,
        rest: float = 2.0,
        longest_rest: float = 30.0,
    ) -> None:
        """Open after `threshold` failures in a row for `rest` seconds, doubled at failed probes."""
        self._clock = clock
        self._threshold = threshold
        self._first_rest = rest
        self._longest_rest = longest_rest
        self._rest = rest
        self._failures = 0
        self._opens_until: float | None = None
        self._probing = False
        self._reason = ""
        self._generation = 0

    @property
    def state(self) -> State:
        """The state now, by the clock."""
        if self._opens_until is None:
            return "closed"
        return "open" if self._clock() < self._opens_until else "half_open"

    def admit(self) -> "Permit":
        """A permit for one call; report how the call ended on it.

        Raises:
            ModelUnavailable: the breaker is open, or half-open with its probe under way.
        """
        if self._opens_until is None:
            return Permit(self, self._generation)
        left = self._opens_until - self._clock()
        if left > 0:
            raise ModelUnavailable(f"not asked again yet: {self._reason}", left)
        if self._probing:
            raise ModelUnavailable(f"one probe is under way: {self._reason}", PROBE_SECONDS)
        self._probing = True
        return Permit(self, self._generation)

    def succeed(self, generation: int) -> None:
        """A call admitted in this generation showed that the endpoint works."""
        if generation != self._generation:
            return
        self._failures = 0
        if self._probing:
            self._opens_until = None
            self._rest = self._first_rest
            self._next_generation()

    def fail(self, generation: int, reason: str) -> None:
        """A call admitted in this generation showed that the endpoint does not work."""
        if generation != self._generation:
            return
        self._failures += 1
        if self._probing:
            self._rest = min(2 * self._rest, self._longest_rest)
            self._open(self._rest, reason)
        elif self._failures >= self._threshold:
            self._open(self._rest, reason)

    def trip(self, generation: int, reason: str, seconds: float) -> None:
        """A call admitted in this generation showed that asking is pointless for so long."""
        if generation == self._generation:
            self._open(seconds, reason)

    def abandon(self, generation: int) -> None:
        """A call admitted in this generation ended without saying anything of the endpoint."""
        if generation == self._generation:
            self._probing = False

    def _open(self, seconds: float, reason: str) -> None:
        self._opens_until = self._clock() + seconds
        self._reason = reason
        self._next_generation()

    def _next_generation(self) -> None:
        self._probing = False
        self._failures = 0
        self._generation += 1


class Permit:
    """Leave for one call; the first report counts, `close` without one abandons it."""

    __slots__ = ("_breaker", "_generation", "_reported")

    def __init__(self, breaker: Breaker, generation: int) -> None:
        """Made by `Breaker.admit` only."""
        self._breaker = breaker
        self._generation = generation
        self._reported = False

    def succeed(self) -> None:
        """The endpoint answered (a refusal of this very request is an answer too)."""
        if not self._reported:
            self._reported = True
            self._breaker.succeed(self._generation)

    def fail(self, reason: str) -> None:
        """The endpoint failed or did not answer in time."""
        if not self._reported:
            self._reported = True
            self._breaker.fail(self._generation, reason)

    def trip(self, reason: str, seconds: float) -> None:
        """The endpoint said that asking is pointless for so long."""
        if not self._reported:
            self._reported = True
            self._breaker.trip(self._generation, reason, seconds)

    def close(self) -> None:
        """End the call; needed on every path, harmless after a report."""
        if not self._reported:
            self._reported = True
            self._breaker.abandon(self._generation)
