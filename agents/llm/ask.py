"""Asking on a budget: reserve, call, settle; and once more when an answer is bad."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from agents.llm.budget import Budget, highest_price
from agents.llm.cache import AnswerCache
from agents.llm.requests import Answer, ChatRequest, ModelPort, Pay, Payment, Request
from models.annotation import Usage
from models.errors import BadAnswer, ModelTimeout

Reading = TypeVar("Reading")


@dataclass(frozen=True)
class Ports:
    """What annotators and judges need of the world.

    Attributes:
        model: the endpoint the task names for them.
        budget: the task's spend, shared by all that spend for it in this process.
        cache: answers to identical samples; annotator and judge may share it.
        clock: seconds that only grow, to share one deadline between two calls.
        now: UTC time in seconds, for the budget's day.
        salt: the deployment's secret behind the fence nonces.
        pay: writes a call's cost into the books that outlive this process.
    """

    model: ModelPort
    budget: Budget
    cache: AnswerCache[Any]
    clock: Callable[[], float]
    now: Callable[[], float]
    salt: str
    pay: Pay = lambda _: None


@dataclass(frozen=True, slots=True)
class Asked(Generic[Reading]):
    """A readable answer and what all calls for it took together."""

    reading: Reading
    model: str
    usage: Usage
    price_usd: float | None
    latency_ms: float
    attempts: int


async def ask(request: Request, ports: Ports) -> Answer:
    """One call within the budget.

    A call that may have been served but brought no readable reply (timeout, bad answer, cancelled,
    be it before its turn came) or no token counts is settled at its highest price; one that was
    never served costs nothing. The budget and `pay` get the same number for the same moment.

    Raises:
        BudgetExhausted: its highest price does not fit in the day's budget any more.
    """
    highest = highest_price(request)
    reservation = ports.budget.reserve(highest, ports.now())
    cost = highest
    try:
        answer = await _call(request, ports.model)
        cost = highest if answer.price_usd is None else answer.price_usd
        return answer
    except (ModelTimeout, BadAnswer):
        raise
    except Exception:
        cost = 0.0
        raise
    finally:
        at = ports.now()
        ports.budget.settle(reservation, cost, at)
        ports.pay(Payment(request.payer, cost, at))


async def ask_twice(
    request: Request, read: Callable[[Answer], Reading], ports: Ports
) -> Asked[Reading]:
    """A readable answer, asked for once more within the same deadline if the first is bad.

    Raises:
        BadAnswer: both answers were bad.
    """
    began = ports.clock()
    try:
        first = await ask(request, ports)
    except BadAnswer:
        return _asked([await ask(_again(request, began, ports), ports)], read, attempts=2)
    try:
        return _asked([first], read, attempts=1)
    except BadAnswer:
        second = await ask(_again(request, began, ports), ports)
        return _asked([first, second], read, attempts=2)


def _call(request: Request, model: ModelPort) -> Awaitable[Answer]:
    if isinstance(request, ChatRequest):
        return model.complete_json(request)
    return model.next_token(request)


def _again(request: Request, began: float, ports: Ports) -> Request:
    """The same request with what is left of the deadline."""
    left = ports.model.deadline - (ports.clock() - began)
    if left <= 0:
        raise ModelTimeout("no time is left to ask again after a bad answer")
    if isinstance(request, ChatRequest):
        return replace(request, deadline=left)
    return replace(request, deadline=left)


def _asked(
    answers: list[Answer], read: Callable[[Answer], Reading], attempts: int
) -> Asked[Reading]:
    last = answers[-1]
    return Asked(
        reading=read(last),
        model=last.model,
        usage=_sum_usage([answer.usage for answer in answers], attempts),
        price_usd=_sum([answer.price_usd for answer in answers]),
        latency_ms=sum(answer.latency_ms for answer in answers),
        attempts=attempts,
    )


def _sum_usage(usages: list[Usage], calls: int) -> Usage:
    return Usage.model_construct(
        calls=calls,
        input_tokens=_sum([usage.input_tokens for usage in usages]),
        output_tokens=_sum([usage.output_tokens for usage in usages]),
    )


Number = TypeVar("Number", int, float)


def _sum(values: list[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], start=known[0]) if len(known) == len(values) else None
