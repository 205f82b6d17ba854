"""The scripted model over HTTP, spoken to by a plain client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from agents.annotate.views import prompt_for, prompt_head
from models.task import View
from streams.embedded.scripted_answers import Key, Script, text_hash
from streams.embedded.scripted_server import ScriptedModel, started
from tests.scripted_bench import view_task


@asynccontextmanager
async def serving(
    script: Script | None = None,
) -> AsyncIterator[tuple[aiohttp.ClientSession, ScriptedModel]]:
    key = Key()
    key.add("hello", ["spam"])
    model = ScriptedModel(key, script or Script(accuracy=0.999999), [view_task()])
    runner, port = await started(model.handle)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session, model
    finally:
        await runner.cleanup()


def completion(text: str, part: str = "annotator") -> dict[str, Any]:
    view = getattr(view_task(), part)
    assert isinstance(view, View)
    return {"model": "m", "prompt": prompt_for(prompt_head(view), text, 1000), "max_tokens": 1}


async def asked(session: aiohttp.ClientSession, body: dict[str, Any]) -> tuple[int, Any]:
    async with session.post("/v1/completions", json=body) as response:
        return response.status, await response.json()


async def counts(session: aiohttp.ClientSession) -> Any:
    async with session.get("/control/counts") as response:
        return await response.json()


async def test_completions_have_the_documented_shape() -> None:
    async with serving() as (session, _):
        status, reply = await asked(session, completion("hello"))
    assert status == 200
    assert reply["model"] == "scripted"
    (choice,) = reply["choices"]
    assert choice["text"] == " scam"
    top = choice["logprobs"]["top_logprobs"][0]
    assert max(top, key=top.__getitem__) == " scam"
    assert reply["usage"]["completion_tokens"] == 1


async def test_the_model_says_it_is_scripted() -> None:
    async with serving() as (session, _), session.get("/v1/models") as response:
        assert [m["id"] for m in (await response.json())["data"]] == ["scripted"]


async def test_calls_are_counted_by_text_and_role() -> None:
    async with serving() as (session, _):
        await asked(session, completion("hello"))
        await asked(session, completion("hello\n"))
        await asked(session, completion("hello", "judge"))
        await asked(session, completion("other"))
        counted = await counts(session)
    assert counted["texts"][text_hash("hello")] == {"annotate": 2, "judge": 1}
    assert (counted["annotate"], counted["judge"], counted["begun"]) == (3, 1, 4)


@pytest.mark.parametrize(
    ("change", "status", "failure"),
    [({"status": 503}, 503, "503"), ({"error_rate": 1.0}, 500, "500")],
)
async def test_faults_come_and_go_while_it_runs(
    change: dict[str, Any], status: int, failure: str
) -> None:
    async with serving() as (session, model):
        async with session.post("/control", json=change) as response:
            assert response.status == 200
        assert (await asked(session, completion("hello")))[0] == status
        assert (await counts(session))["failures"] == {failure: 1}
        async with session.post("/control", json=dict.fromkeys(change, 0)):
            assert (await asked(session, completion("hello")))[0] == 200
        assert model.script == Script(accuracy=0.999999)


async def test_down_means_no_answer_at_all() -> None:
    async with serving(Script(down=True)) as (session, _):
        with pytest.raises(aiohttp.ClientError):
            await asked(session, completion("hello"))


async def test_above_the_rate_limit_it_says_when_to_come_back() -> None:
    async with serving(Script(rate_limit=2)) as (session, _):
        statuses = []
        for _attempt in range(8):
            async with session.post("/v1/completions", json=completion("hello")) as response:
                statuses.append(response.status)
                if response.status == 429:
                    assert response.headers["Retry-After"] == "1"
    assert 2 <= statuses.count(200) <= 4
    assert set(statuses) == {200, 429}


async def test_a_call_that_the_caller_gives_up_was_begun() -> None:
    async with serving(Script(latency_ms=60_000)) as (session, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asked(session, completion("hello"))
        counted = await counts(session)
    assert (counted["annotate"], counted["begun"]) == (0, 1)


async def test_a_fickle_model_answers_the_same_question_differently() -> None:
    script = Script(accuracy=0.6, fickle=True)
    async with serving(script) as (session, _):
        tops = [(await asked(session, completion("hello")))[1] for _ in range(12)]
    assert len({reply["choices"][0]["text"] for reply in tops}) == 2
    async with serving(Script(accuracy=0.6)) as (session, _):
        tops = [(await asked(session, completion("hello")))[1] for _ in range(12)]
    assert len({str(reply) for reply in tops}) == 1


async def test_a_refused_text_is_the_requests_own_fault() -> None:
    async with serving(Script(refused_text="<no>")) as (session, _):
        assert (await asked(session, completion("hello <no>")))[0] == 400
        assert (await asked(session, completion("hello")))[0] == 200
        assert (await counts(session))["failures"] == {"400": 1}


async def test_garbage_and_errors_are_drawn_anew_for_each_call() -> None:
    async with serving(Script(error_rate=0.5)) as (session, _):
        statuses = {(await asked(session, completion("hello")))[0] for _ in range(20)}
    assert statuses == {200, 500}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "of no task"}),
        ("/v1/completions", {}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/control", {"no_such_field": 1}),
    ],
)
async def test_what_it_does_not_understand_is_a_400_with_a_reason(
    path: str, body: dict[str, Any]
) -> None:
    async with serving() as (session, _), session.post(path, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"]
