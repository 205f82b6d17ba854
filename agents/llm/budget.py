"""A task's spend per UTC day, checked before each call."""

from dataclasses import dataclass

from agents.llm.requests import Request
from models.errors import BudgetExhausted, ConfigurationError
from models.task import Model, Price, Task

DAY_SECONDS = 86_400
MESSAGE_TOKENS = 64
"""Tokens a chat template may add around the messages, generously."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call that is under way."""

    day: int
    usd: float


class Budget:
    """What one task may still spend today, as far as this process can know.

    Spent = what the store says of others + what this process settled, every cent of it since the
    day began + what its calls in flight cost at most. So one process alone never passes the limit;
    all together can pass it by what the others spent since they last wrote it down, plus their
    calls in flight. Calls without a known price reserve nothing.
    """

    def __init__(self, limit: float | None) -> None:
        """A limit in dollars per UTC day, null for none."""
        self._limit = limit
        self._day = -1
        self._others = 0.0
        self._own = 0.0
        self._reserved = 0.0

    @property
    def spent(self) -> float:
        """Dollars spent today, calls in flight at their maximum price."""
        return self._others + self._own + self._reserved

    def observe(self, others: float, at: float) -> None:
        """Take in what all others had spent, in dollars, on the UTC day of `at` (seconds).

        Others are all but this process since it started; what is said of a former day is ignored.
        """
        self._turn(at)
        if _day_of(at) == self._day:
            self._others = others

    def reserve(self, usd: float, at: float) -> Reservation:
        """Set aside a call's maximum price at UTC time `at`, in seconds.

        Raises:
            BudgetExhausted: the day's limit would be passed.
        """
        self._turn(at)
        if self._limit is not None and self.spent + usd > self._limit:
            raise BudgetExhausted(
                f"the day's budget of ${self._limit:.2f} is reached: ${self.spent:.4f} spent, "
                f"the next call may cost ${usd:.4f}"
            )
        self._reserved += usd
        return Reservation(self._day, usd)

    def settle(self, reservation: Reservation, usd: float, at: float) -> None:
        """Replace a reservation by what the call did cost (0 when it was never served)."""
        self._turn(at)
        if reservation.day == self._day:
            self._reserved = max(0.0, self._reserved - reservation.usd)
        self._own += usd

    def _turn(self, at: float) -> None:
        """Begin a new UTC day with clean books."""
        if _day_of(at) > self._day:
            self._day = _day_of(at)
            self._others = self._own = self._reserved = 0.0


def _day_of(at: float) -> int:
    return int(at // DAY_SECONDS)


def highest_price(request: Request) -> float:
    """Dollars a call can cost at most, 0 when its price is unknown.

    A token of a byte-level vocabulary stands for at least one byte, so bytes bound input tokens.
    """
    price = request.payer.price
    if price is None:
        return 0.0
    return price.of(request.prompt_bytes + MESSAGE_TOKENS, request.max_output_tokens)


def check_priced(task: Task) -> None:
    """Refuse models whose price nobody stated.

    Raises:
        ConfigurationError: a model has no price and the task does not allow that.
    """
    if task.spend.unpriced == "allow":
        return
    for place, part in (("annotator", task.annotator), ("judge", task.judge)):
        if isinstance(part, Model) and part.price is None:
            raise ConfigurationError(
                f"task {task.name}: {place}.price: the model has no price; add "
                "`price: {input: …, output: …}` in dollars per million tokens (0 for a model of "
                "your own), or set `spend: {unpriced: allow}`"
            )


def price_of(
    price: Price | None, input_tokens: int | None, output_tokens: int | None
) -> float | None:
    """Dollars of one call; null when the price or a count is unknown."""
    if price is None or input_tokens is None or output_tokens is None:
        return None
    return price.of(input_tokens, output_tokens)
