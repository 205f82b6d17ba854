"""The client of one OpenAI-compatible endpoint: the only module that imports `openai`."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import openai

from agents.llm.breaker import Breaker, Permit
from agents.llm.budget import price_of
from agents.llm.dialect import Dialect, chat_body, completion_body, points_at_dialect
from agents.llm.failures import CREDENTIAL_REST, failure_of
from agents.llm.limiter import Limiter
from agents.llm.replies import chat_content, load_reply, model_of, top_tokens, usage_of
from agents.llm.requests import (
    Answer,
    ChatRequest,
    CompletionRequest,
    Observation,
    Observe,
    Outcome,
    Request,
)
from models.annotation import Usage
from models.errors import ModelRefused, ModelTimeout, ModelUnavailable, TidegaugeError
from models.settings import Endpoint

CONNECT_SECONDS = 5.0


class ModelClient(AbstractAsyncContextManager["ModelClient"]):
    """One endpoint, asked politely: bounded, patient with 429s, silent while it is down.

    Never retries by itself: whoever asks knows whether the answer is still wanted. Requests go
    through `AsyncOpenAI.post` with `cast_to=bytes`, which costs 0.6 of the CPU of its typed methods
    (0.47 against 0.76 ms), because nothing is validated twice.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Callable[[], float],
        observe: Observe = lambda _: None,
    ) -> None:
        """Bind to an endpoint; `clock` counts seconds, `observe` sees every call as it ends."""
        self.model = endpoint.model
        self.deadline = endpoint.timeout_seconds
        self.breaker = Breaker(clock)
        self.limiter = Limiter(endpoint.concurrency, clock)
        self._clock = clock
        self._observe = observe
        self._secret = endpoint.api_key.get_secret_value()
        self._where = urlsplit(endpoint.base_url).netloc.rpartition("@")[2] or endpoint.base_url
        self._base = endpoint.base_url.rstrip("/")
        self._dialect = Dialect()
        self._dialect_proven = False
        timeout = openai.Timeout(None, connect=CONNECT_SECONDS)
        self._openai = openai.AsyncOpenAI(
            api_key=self._secret or "none",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAioHttpClient(timeout=timeout),
        )

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def close(self) -> None:
        """Close the connections; the client cannot be used after."""
        await self._openai.close()

    async def complete_json(self, request: ChatRequest) -> Answer:
        """The answer of a chat model, asked for JSON in the strongest way the endpoint takes."""
        dialect = self._dialect
        while True:
            try:
                answer = await self._call("/chat/completions", chat_body(request, dialect), request)
            except ModelRefused as exc:
                weaker = self._otherwise(dialect, str(exc))
                if weaker is None:
                    raise
                dialect = weaker
                continue
            self._dialect, self._dialect_proven = dialect, True
            return answer

    async def next_token(self, request: CompletionRequest) -> Answer:
        """The likeliest next tokens of a completion model."""
        return await self._call("/completions", completion_body(request), request)

    def _otherwise(self, refused: Dialect, refusal: str) -> Dialect | None:
        """How else to ask, null when this request itself is what the endpoint refuses."""
        if self._dialect_proven and not points_at_dialect(refusal):
            return None
        return refused.weaker(refusal)

    async def _call(self, path: str, body: dict[str, Any], request: Request) -> Answer:
        round_number = await self.limiter.acquire()
        try:
            call = _Call(self.breaker.admit(), round_number)
            try:
                return await self._timed(path, body, request, call)
            finally:
                call.permit.close()
        finally:
            self.limiter.release()

    async def _timed(
        self, path: str, body: dict[str, Any], request: Request, call: "_Call"
    ) -> Answer:
        """One call, observed whichever way it ends."""
        began = self._clock()
        usage = Usage(calls=1)
        try:
            reply = load_reply(await self._post(path, body, request, call))
            usage = usage_of(reply)
            chat = isinstance(request, ChatRequest)
            answer = Answer(
                model=model_of(reply, request.model),
                content=chat_content(reply) if chat else "",
                top={} if chat else top_tokens(reply),
                usage=usage,
                latency_ms=(self._clock() - began) * 1000,
                price_usd=price_of(request.payer.price, usage.input_tokens, usage.output_tokens),
            )
            call.outcome = "answered"
            return answer
        finally:
            seconds = self._clock() - began
            self._observe(Observation(request.payer, call.outcome, seconds, usage))

    async def _post(
        self, path: str, body: dict[str, Any], request: Request, call: "_Call"
    ) -> bytes:
        """The raw reply; every foreign exception becomes one of ours here."""
        deadline = request.deadline or self.deadline
        try:
            async with asyncio.timeout(deadline):
                reply = await self._openai.post(self._base + path, cast_to=bytes, body=body)
        except TimeoutError as exc:
            call.outcome = "timeout"
            call.permit.fail(f"{self._where} does not answer within {deadline:g} s")
            raise ModelTimeout(f"{self._where}: no answer within {deadline:g} s") from exc
        except openai.APIStatusError as exc:
            raise self._refusal(exc, call) from exc
        except openai.OpenAIError as exc:
            call.outcome = "unavailable"
            message = f"{self._where} cannot be reached: {exc.__cause__ or exc}"
            call.permit.fail(message)
            raise ModelUnavailable(message) from exc
        call.outcome = "bad"
        call.permit.succeed()
        self.limiter.grow()
        return reply

    def _refusal(self, exc: openai.APIStatusError, call: "_Call") -> TidegaugeError:
        failure = failure_of(exc.status_code, exc.response.headers, self._said(exc), self._where)
        rest = failure.retry_after
        call.outcome = "unavailable"
        if failure.fault == "request":
            call.outcome = "refused"
            call.permit.succeed()
            return ModelRefused(failure.message)
        if failure.fault == "limited":
            call.outcome = "limited"
            call.permit.succeed()
            self.limiter.halve(call.round)
            self.limiter.rest(rest or 0.0)
        elif failure.fault == "settings":
            rest = rest or CREDENTIAL_REST
            call.permit.trip(failure.message, rest)
        else:
            call.permit.fail(failure.message)
        return ModelUnavailable(failure.message, 1.0 if rest is None else rest)

    def _said(self, exc: openai.APIStatusError) -> str:
        """The endpoint's own words, without the secret should they repeat it."""
        body = exc.body
        said = str((body.get("message") if isinstance(body, dict) else body) or "")
        return said.replace(self._secret, "***") if self._secret else said


class _Call:
    """One call under way: its permit, the limiter round it began in, how it ends."""

    __slots__ = ("outcome", "permit", "round")

    def __init__(self, permit: Permit, round_number: int) -> None:
        self.permit = permit
        self.round = round_number
        self.outcome: Outcome = "cancelled"
