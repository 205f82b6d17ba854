"""The client against a scripted model on loopback; HTTP is never patched."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from agents.llm.client import ModelClient
from agents.llm.requests import (
    AnswerSchema,
    ChatRequest,
    CompletionRequest,
    Observation,
    Payer,
)
from models.errors import BadAnswer, ModelRefused, ModelTimeout, ModelUnavailable
from models.task import Price
from streams.embedded.scripted_answers import Script
from streams.embedded.scripted_server import started
from tests.scripted_bench import Bench, chat_task, endpoint, new_bench, view_task

LABEL = {"label": {"type": "string", "enum": ["a", "b"]}}
SCHEMA = AnswerSchema(
    "annotation",
    {
        "type": "object",
        "properties": LABEL,
        "required": ["label"],
        "additionalProperties": False,
    },
)
USER = "<text 0123456789abcdef>\nhello\n</text 0123456789abcdef>"
PRICED = Payer("inbox", "", Price(input=1.0, output=2.0))
CHAT = ChatRequest("scripted", "Label it.", USER, SCHEMA, 100, PRICED)


def breaker_of(bench: Bench) -> str:
    return bench.client.breaker.state


def outcomes(bench: Bench) -> list[str]:
    return [seen.outcome for seen in bench.observed]


async def test_a_chat_answer_with_its_cost(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, chat_task(), truths={"hello": ["b"]}, script=Script(accuracy=1))
    answer = await bench.client.complete_json(CHAT)
    assert '"label": "b"' in answer.content
    tokens = (answer.usage.input_tokens, answer.usage.output_tokens)
    assert all(tokens)
    assert answer.price_usd == pytest.approx((tokens[0] + 2 * tokens[1]) / 1e6)  # type: ignore[operator]
    assert answer.latency_ms > 0
    (seen,) = bench.observed
    assert (seen.outcome, seen.payer, seen.usage) == ("answered", PRICED, answer.usage)


async def test_the_next_token_with_its_alternatives(stack: AsyncExitStack) -> None:
    task = view_task()
    bench = await new_bench(stack, task, truths={"hello": ["spam"]}, script=Script(accuracy=1))
    prompt = (
        "Is this SMS a scam or personal?\n\nMessage: win a prize\nAnswer: scam\n\n"
        "Message: see you at six\nAnswer: personal\n\nMessage: hello\nAnswer:"
    )
    answer = await bench.client.next_token(CompletionRequest("scripted", prompt, Payer("sms")))
    assert list(answer.top) == [" scam", " personal"]
    assert answer.price_usd is None


@pytest.mark.parametrize("refused", [("json_schema",), ("json_schema", "json_object")])
async def test_a_weaker_answer_format_is_found_once_and_remembered(
    stack: AsyncExitStack, refused: tuple[str, ...]
) -> None:
    bench = await new_bench(stack, chat_task(), script=Script(refused_formats=refused))
    for _ in range(3):
        assert "label" in (await bench.client.complete_json(CHAT)).content
    assert outcomes(bench) == ["refused"] * len(refused) + ["answered"] * 3


async def test_a_request_refused_for_itself_leaves_the_format_as_it_is(
    stack: AsyncExitStack,
) -> None:
    bench = await new_bench(stack, chat_task())
    await bench.client.complete_json(CHAT)
    with pytest.raises(ModelRefused, match="no sample text"):
        await bench.client.complete_json(replace(CHAT, user="no fence here"))
    await bench.client.complete_json(CHAT)
    assert outcomes(bench) == ["answered", "refused", "answered"]
    assert breaker_of(bench) == "closed"


async def test_the_rate_limit_is_honoured(stack: AsyncExitStack) -> None:
    bench = await new_bench(stack, chat_task(), script=Script(status=429), concurrency=16)
    with pytest.raises(ModelUnavailable, match="HTTP 429"):
        await bench.client.complete_json(CHAT)
    assert bench.client.limiter.limit == 8
    assert breaker_of(bench) == "closed"

    bench = await new_bench(stack, chat_task(), script=Script(rate_limit=1))
    with pytest.raises(ModelUnavailable) as caught:
        await asyncio.gather(*(bench.client.complete_json(CHAT) for _ in range(5)))
    assert caught.value.retry_after == pytest.approx(1.0, abs=0.3)
    calls = bench.model.failures["429"]
    with pytest.raises(ModelUnavailable, match="limits its rate"):
        await bench.client.complete_json(CHAT)
    assert bench.model.failures["429"] == calls, "nothing is sent before the time named"


async def test_the_breaker_opens_on_errors_and_closes_when_the_model_is_back(
    stack: AsyncExitStack,
) -> None:
    bench = await new_bench(stack, chat_task(), script=Script(status=500))
    for _ in range(5):
        with pytest.raises(ModelUnavailable, match="HTTP 500"):
            await bench.client.complete_json(CHAT)
    with pytest.raises(ModelUnavailable, match="not asked again yet") as caught:
        await bench.client.complete_json(CHAT)
    assert bench.model.failures["500"] == 5
    bench.model.script = Script()
    await asyncio.sleep(caught.value.retry_after)
    await bench.client.complete_json(CHAT)
    assert breaker_of(bench) == "closed"


async def test_a_wrong_credential_stops_asking_and_says_what_to_check(
    stack: AsyncExitStack,
) -> None:
    bench = await new_bench(stack, chat_task(), script=Script(status=401))
    with pytest.raises(ModelUnavailable, match=r"HTTP 401.*check the endpoint's api_key") as caught:
        await bench.client.complete_json(CHAT)
    assert caught.value.retry_after > 5
    with pytest.raises(ModelUnavailable):
        await bench.client.complete_json(CHAT)
    assert bench.model.failures["401"] == 1


async def test_the_secret_never_appears_in_an_error(stack: AsyncExitStack) -> None:
    async def tells(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": {"message": "wrong key: s3cret"}}, status=401)

    client = await raw_client(stack, tells)
    with pytest.raises(ModelUnavailable) as caught:
        await client.complete_json(CHAT)
    assert "s3cret" not in str(caught.value)


async def test_a_slow_model_is_a_timeout_and_frees_its_place(stack: AsyncExitStack) -> None:
    bench = await new_bench(
        stack, chat_task(), script=Script(latency_ms=5000), timeout_seconds=1.0, concurrency=1
    )
    with pytest.raises(ModelTimeout, match=r"1 s"):
        await bench.client.complete_json(CHAT)
    bench.model.script = Script()
    await bench.client.complete_json(CHAT)
    assert outcomes(bench) == ["timeout", "answered"]
    assert bench.client.limiter.in_flight == 0


async def test_a_reply_that_drips_in_runs_into_the_deadline(stack: AsyncExitStack) -> None:
    async def drips(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(40):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    client = await raw_client(stack, drips, timeout_seconds=0.3)
    with pytest.raises(ModelTimeout):
        await client.complete_json(CHAT)


async def test_a_refused_connection_and_a_dropped_one_are_unavailable(
    stack: AsyncExitStack,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = ModelClient(endpoint(closed.getsockname()[1]), asyncio.get_running_loop().time)
        await stack.enter_async_context(client)
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            await client.complete_json(CHAT)
    bench = await new_bench(stack, chat_task(), script=Script(down=True))
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await bench.client.complete_json(CHAT)
    assert outcomes(bench) == ["unavailable"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": [{"message": {"content": null}}]}']
)
async def test_a_reply_that_is_no_answer_is_bad(stack: AsyncExitStack, body: bytes) -> None:
    async def garbage(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    observed: list[Observation] = []
    client = await raw_client(stack, garbage, observe=observed.append)
    with pytest.raises(BadAnswer):
        await client.complete_json(CHAT)
    assert [seen.outcome for seen in observed] == ["bad"]


async def test_a_cancelled_call_frees_its_place_and_is_observed(stack: AsyncExitStack) -> None:
    arrived = asyncio.Event()

    async def never(_: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    observed: list[Observation] = []
    client = await raw_client(stack, never, observe=observed.append)
    call = asyncio.create_task(client.complete_json(CHAT))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [seen.outcome for seen in observed] == ["cancelled"]
    assert client.limiter.in_flight == 0


async def test_a_poison_record_that_meets_the_half_open_breaker_lets_it_close(
    stack: AsyncExitStack,
) -> None:
    bench = await new_bench(stack, chat_task(), script=Script(status=401))
    with pytest.raises(ModelUnavailable):
        await bench.client.complete_json(CHAT)
    bench.model.script = Script()
    bench.client.breaker._opens_until = 0.0
    assert breaker_of(bench) == "half_open"
    with pytest.raises(ModelRefused):
        await bench.client.complete_json(replace(CHAT, user="poison"))
    await bench.client.complete_json(CHAT)
    assert breaker_of(bench) == "closed"


async def raw_client(
    stack: AsyncExitStack,
    handle: Callable[[web.BaseRequest], Any],
    observe: Callable[[Observation], None] = lambda _: None,
    **settings: Any,
) -> ModelClient:
    """A client of a server made for one test."""
    runner, port = await started(handle)
    stack.push_async_callback(runner.cleanup)
    client = ModelClient(endpoint(port, **settings), asyncio.get_running_loop().time, observe)
    return await stack.enter_async_context(client)
