import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.llm.ask import Ports, ask, ask_twice
from agents.llm.budget import Budget
from agents.llm.cache import AnswerCache
from agents.llm.requests import Answer, ChatRequest, CompletionRequest, Payer, Payment
from models.annotation import Usage
from models.errors import (
    BadAnswer,
    BudgetExhausted,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    TidegaugeError,
)
from models.task import Price
from tests.scripted_bench import Clock

PRICE = Price(input=0.0, output=1e6)
REQUEST = CompletionRequest("m", "prompt", Payer("t", "", PRICE))
"""Costs at most $1: one output token."""


class Says:
    """A model port that says what a test tells it to, one thing after another."""

    model = "m"
    deadline = 10.0

    def __init__(self, *things: Answer | TidegaugeError | Callable[[], Answer]) -> None:
        self.things = list(things)
        self.asked: list[CompletionRequest | ChatRequest] = []

    async def next_token(self, request: CompletionRequest) -> Answer:
        self.asked.append(request)
        thing = self.things.pop(0)
        if isinstance(thing, TidegaugeError):
            raise thing
        return thing if isinstance(thing, Answer) else thing()

    async def complete_json(self, request: ChatRequest) -> Answer:
        raise AssertionError("not asked here")


def answer(content: str, price: float | None = 0.25) -> Answer:
    usage = Usage(input_tokens=10, output_tokens=1)
    return Answer("m", content, usage, latency_ms=5.0, price_usd=price)


def ports(model: Says, limit: float | None = 100.0, clock: Clock | None = None) -> Ports:
    clock = clock or Clock()
    cache: AnswerCache[object] = AnswerCache(0, clock)
    return Ports(model, Budget(limit), cache, clock, now=lambda: 0.0, salt="s")


class Books:
    """What a budget and the books beside it were told: they must agree."""

    def __init__(self, model: Says) -> None:
        self.payments: list[Payment] = []
        self.ports = replace(ports(model), pay=self.payments.append, now=lambda: 1000.0)

    def check(self, usd: float) -> None:
        assert self.ports.budget.spent == pytest.approx(usd)
        assert sum(payment.usd for payment in self.payments) == pytest.approx(usd)
        assert {(p.payer, p.at) for p in self.payments} == {(REQUEST.payer, 1000.0)}


def good(said: Answer) -> str:
    if said.content != "good":
        raise BadAnswer(f"not good: {said.content}")
    return said.content


async def test_an_answer_costs_its_price() -> None:
    books = Books(Says(answer("good")))
    await ask(REQUEST, books.ports)
    books.check(0.25)


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (ModelUnavailable("down"), 0.0),
        (ModelRefused("no"), 0.0),
        (ModelTimeout("slow"), 1.0),
        (BadAnswer("garbage"), 1.0),
    ],
)
async def test_what_may_have_been_billed_counts_at_its_highest_price(
    error: TidegaugeError, cost: float
) -> None:
    books = Books(Says(error))
    with pytest.raises(type(error)):
        await ask(REQUEST, books.ports)
    books.check(cost)


async def test_an_unstated_price_counts_at_its_highest() -> None:
    books = Books(Says(answer("good", price=None)))
    await ask(REQUEST, books.ports)
    books.check(1.0)


async def test_a_cancelled_call_counts_at_its_highest_price() -> None:
    def cancelled() -> Answer:
        raise asyncio.CancelledError

    books = Books(Says(cancelled))
    with pytest.raises(asyncio.CancelledError):
        await ask(REQUEST, books.ports)
    books.check(1.0)


async def test_a_model_without_a_price_costs_nothing() -> None:
    request = replace(REQUEST, payer=Payer("t"))
    books = Books(Says(answer("good", price=None)))
    await ask(request, books.ports)
    assert books.ports.budget.spent == 0.0
    assert [payment.usd for payment in books.payments] == [0.0]


async def test_nothing_is_asked_beyond_the_budget() -> None:
    model = Says(answer("good"))
    with pytest.raises(BudgetExhausted):
        await ask(REQUEST, ports(model, limit=0.5))
    assert not model.asked


async def test_a_bad_answer_is_asked_for_once_more_and_all_of_it_is_counted() -> None:
    asked = await ask_twice(REQUEST, good, ports(Says(answer("bad"), answer("good"))))
    assert (asked.reading, asked.attempts) == ("good", 2)
    assert asked.usage == Usage(calls=2, input_tokens=20, output_tokens=2)
    assert asked.price_usd == pytest.approx(0.5)
    assert asked.latency_ms == pytest.approx(10.0)


async def test_a_reply_that_was_no_answer_is_asked_for_once_more() -> None:
    asked = await ask_twice(REQUEST, good, ports(Says(BadAnswer("garbage"), answer("good"))))
    assert asked.attempts == 2


async def test_two_bad_answers_are_a_failure() -> None:
    model = Says(answer("bad"), answer("worse"), answer("good"))
    with pytest.raises(BadAnswer, match="worse"):
        await ask_twice(REQUEST, good, ports(model))
    assert len(model.asked) == 2


async def test_an_unknown_part_makes_the_sum_unknown() -> None:
    says = Says(answer("bad", price=None), answer("good"))
    assert (await ask_twice(REQUEST, good, ports(says))).price_usd is None


async def test_both_questions_share_one_deadline() -> None:
    clock = Clock()

    def slow() -> Answer:
        clock.seconds += 7.0
        return answer("bad")

    model = Says(slow, answer("good"))
    await ask_twice(REQUEST, good, ports(model, clock=clock))
    assert model.asked[1].deadline == pytest.approx(3.0)


async def test_without_time_left_there_is_no_second_question() -> None:
    clock = Clock()

    def too_slow() -> Answer:
        clock.seconds += 10.0
        return answer("bad")

    model = Says(too_slow, answer("good"))
    with pytest.raises(ModelTimeout, match="no time is left"):
        await ask_twice(replace(REQUEST), good, ports(model, clock=clock))
    assert len(model.asked) == 1


async def test_unavailable_is_not_asked_again() -> None:
    model = Says(ModelUnavailable("down"), answer("good"))
    with pytest.raises(ModelUnavailable):
        await ask_twice(REQUEST, good, ports(model))
    assert len(model.asked) == 1
