"""Reading the JSON that OpenAI-compatible endpoints send, in its several shapes."""

import json
import re
from collections.abc import Mapping
from typing import Any

from models.annotation import Usage
from models.errors import BadAnswer

_DECODER = json.JSONDecoder()


def load_reply(body: bytes) -> dict[str, Any]:
    """The body of a reply with HTTP status 200.

    Raises:
        BadAnswer: not a JSON object.
    """
    try:
        reply = json.loads(body)
    except ValueError as exc:
        raise BadAnswer(f"the endpoint's reply is not JSON: {body[:80]!r}") from exc
    if not isinstance(reply, dict):
        raise BadAnswer("the endpoint's reply is not a JSON object")
    return reply


def usage_of(reply: Mapping[str, Any]) -> Usage:
    """Token counts as the endpoint states them, null where it does not."""
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    return Usage.model_construct(
        calls=1,
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def model_of(reply: Mapping[str, Any], asked: str) -> str:
    """The model as the endpoint names it; of a file's path only the file.

    >>> model_of({"model": "/srv/models/tiny.gguf"}, "default")
    'tiny.gguf'
    """
    name = str(reply.get("model") or asked)
    return re.split(r"[/\\]", name)[-1] if re.match(r"([A-Za-z]:)?[/\\]", name) else name


def chat_content(reply: Mapping[str, Any]) -> str:
    """The text of a chat reply.

    Raises:
        BadAnswer: the model refused, or there is no text.
    """
    choice = _first_choice(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BadAnswer("the reply has no message")
    if refusal := message.get("refusal"):
        raise BadAnswer(f"the model declined: {str(refusal)[:200]}")
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        cut = choice.get("finish_reason") == "length"
        why = "max_output_tokens were used up before an answer" if cut else "the answer is empty"
        raise BadAnswer(why)
    return content


def top_tokens(reply: Mapping[str, Any]) -> dict[str, float]:
    """Log-probability by token for the first token of a completion, likeliest first.

    Understands `logprobs.top_logprobs[0]` (OpenAI, vLLM) and `logprobs.content[0].top_logprobs`
    (llama.cpp).

    Raises:
        BadAnswer: the reply has no log-probabilities.
    """
    logprobs = _first_choice(reply).get("logprobs")
    found = _legacy_top(logprobs) or _listed_top(logprobs)
    if not found:
        raise BadAnswer("the endpoint sent no log-probabilities; completion mode needs them")
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def json_object_in(text: str) -> dict[str, Any]:
    r"""The first JSON object in a text: plain, in a code block, or after some words.

    Raises:
        BadAnswer: there is none.

    >>> json_object_in('Sure!\n```json\n{"label": "spam"}\n```')
    {'label': 'spam'}
    """
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return dict(found)
    raise BadAnswer(f"the answer holds no JSON object: {text[:120]!r}")


def _first_choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    raise BadAnswer("the reply has no choices")


def _legacy_top(logprobs: object) -> dict[str, float]:
    tops = logprobs.get("top_logprobs") if isinstance(logprobs, dict) else None
    if isinstance(tops, list) and tops and isinstance(tops[0], dict):
        return {str(t): float(p) for t, p in tops[0].items() if isinstance(p, int | float)}
    return {}


def _listed_top(logprobs: object) -> dict[str, float]:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not (isinstance(content, list) and content and isinstance(content[0], dict)):
        return {}
    found: dict[str, float] = {}
    for entry in content[0].get("top_logprobs") or ():
        token, logprob = entry.get("token"), entry.get("logprob")
        if isinstance(token, str) and isinstance(logprob, int | float):
            found.setdefault(token, float(logprob))
    return found


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
