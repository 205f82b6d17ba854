"""What an OpenAI-compatible endpoint understands, learnt from what it refuses."""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from agents.llm.requests import ChatRequest, CompletionRequest

AnswerFormat = Literal["json_schema", "json_object", "text"]

_WEAKER: dict[AnswerFormat, AnswerFormat] = {"json_schema": "json_object", "json_object": "text"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How chat requests are put; the default is what OpenAI documents."""

    format: AnswerFormat = "json_schema"
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: Literal["greedy", "fixed"] = "greedy"

    def weaker(self, refusal: str) -> "Dialect | None":
        """Another way to put a refused request, the one the refusal points at if any."""
        if "max_completion_tokens" in refusal and self.limit_field == "max_tokens":
            return replace(self, limit_field="max_completion_tokens")
        if "temperature" in refusal and self.sampling == "greedy":
            return replace(self, sampling="fixed")
        weaker = _WEAKER.get(self.format)
        return None if weaker is None else replace(self, format=weaker)


def points_at_dialect(refusal: str) -> bool:
    """Whether the words of a refusal are about how we ask rather than what.

    >>> points_at_dialect("Unknown parameter: 'response_format'")
    True
    """
    return any(
        word in refusal
        for word in ("response_format", "json_schema", "json_object", "max_tokens", "temperature")
    )


def chat_body(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """The body of `/chat/completions`."""
    system = request.system
    if dialect.format != "json_schema":
        schema = json.dumps(request.schema.body, ensure_ascii=False)
        system = (
            f"{system}\n\nAnswer with one JSON object and nothing else, of this schema:\n{schema}"
        )
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": request.user},
        ],
        dialect.limit_field: request.max_output_tokens,
    }
    if dialect.sampling == "greedy":
        body["temperature"] = 0
    if dialect.format == "json_schema":
        named = {"name": request.schema.name, "strict": True, "schema": request.schema.body}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif dialect.format == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def completion_body(request: CompletionRequest) -> dict[str, Any]:
    """The body of `/completions`: one token, greedy, with the 20 likeliest alternatives."""
    return {
        "model": request.model,
        "prompt": request.prompt,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": 20,
    }
