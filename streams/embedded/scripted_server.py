"""The scripted model's HTTP server: reads our own prompts, answers them, fails on demand."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from aiohttp import web

from agents.annotate.views import prompt_head
from agents.llm.fence import REPLY, TURN, one_line, unfence
from agents.llm.replies import json_object_in
from models.errors import BadAnswer
from models.identity import draw
from models.task import Task, View
from streams.embedded.announce import LOOPBACK
from streams.embedded.scripted_answers import (
    TEXT_CHARACTERS,
    Key,
    Script,
    Subject,
    annotation_answer,
    text_hash,
    verdict_answer,
    word_logprobs,
)

MODEL = "scripted"
STOP_SECONDS = 1.0
GIVEN = "\nLabels given: "

Answers = Callable[[dict[str, Any]], "Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before faults: whom it serves, for which text, and its choice as JSON."""

    role: str
    hash: str
    choice: dict[str, Any]
    words: int


class NotUnderstood(Exception):
    """A request the scripted model has no script for; the caller gets HTTP 400."""


class ScriptedModel:
    """The server's state: key, script, views by prompt head, counts."""

    def __init__(self, key: Key, script: Script, tasks: Sequence[Task] = ()) -> None:
        """Know the texts of a key and the views and calibration items of tasks."""
        self.key = key
        self.script = script
        self.counts: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.begun = 0
        self._views: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._second = -1
        self._in_second = 0
        for task in tasks:
            self._learn(task)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Route one HTTP request."""
        path = request.path
        if path.endswith("/chat/completions"):
            return await self._model_call(request, self._chat)
        if path.endswith("/completions"):
            return await self._model_call(request, self._completion)
        if path.endswith("/models"):
            models = [{"id": MODEL, "object": "model", "owned_by": "tidegauge"}]
            return _json({"object": "list", "data": models})
        if path == "/control/counts":
            return _json(self._counted())
        if path == "/control":
            return await self._control(request)
        return _error(404, f"no such path: {path}")

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            try:
                changes = await request.json()
                self.script = replace(self.script, **changes)
            except (ValueError, TypeError) as exc:
                return _error(400, f"not fields of the script: {exc}")
        return _json(asdict(self.script))

    async def _model_call(self, request: web.BaseRequest, answers: Answers) -> web.StreamResponse:
        """An answer, after the faults the script asks for."""
        raw = await request.read()
        if (fault := self._fault(request)) is not None:
            return fault
        self.begun += 1
        if self.script.latency_ms:
            await asyncio.sleep(self.script.latency_ms / 1000)
        try:
            body = json.loads(raw)
            reply = answers(body)
        except (NotUnderstood, ValueError, KeyError, TypeError, BadAnswer) as exc:
            return _error(400, str(exc))
        return self._spoilt(reply, raw)

    def _fault(self, request: web.BaseRequest) -> web.StreamResponse | None:
        script = self.script
        if script.down:
            self.failures["down"] += 1
            if request.transport is not None:
                request.transport.abort()
            return _error(503, "down")
        if script.status:
            self.failures[str(script.status)] += 1
            return _error(script.status, "as the script says")
        if script.rate_limit and self._over_limit(script.rate_limit):
            self.failures["429"] += 1
            return _error(429, "rate limit", {"Retry-After": "1"})
        return None

    def _over_limit(self, limit: int) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return self._in_second > limit

    def _spoilt(self, reply: Reply, raw: bytes) -> web.StreamResponse:
        """The reply, or what the error and garbage rates make of it; drawn anew for each call."""
        place = (reply.role, reply.hash)
        self.counts[place] += 1
        script = self.script
        if script.error_rate or script.garbage_rate:
            call = f"{reply.hash}{reply.role}{self.counts[place]}{script.seed}"
            if draw(call, "error") < script.error_rate:
                self.failures["500"] += 1
                return _error(500, "as the script says")
            if draw(call, "garbage") < script.garbage_rate:
                self.failures["garbage"] += 1
                return _reply(
                    {"index": 0, "text": "", "message": {"content": "It depends."}}, 3, raw
                )
        return _reply(reply.choice, reply.words, raw)

    def _chat(self, body: dict[str, Any]) -> Reply:
        system, user = (message["content"] for message in body["messages"])
        name, properties = self._schema(body, system)
        text = unfence(user)
        shown = one_line(text, TEXT_CHARACTERS)
        self._refuse(shown)
        role = "judge" if "p_correct" in properties else "annotate"
        labelled = properties["own"]["properties"] if role == "judge" else properties
        labels = tuple((labelled.get("label") or labelled["labels"]["items"])["enum"])
        subject = Subject(text_hash(shown), self.key.truth(shown, labels), labels)
        if role == "judge":
            given = user[user.rindex(GIVEN) + len(GIVEN) :].partition("\n")[0]
            answer = verdict_answer(subject, given, properties, self._script_of(role, subject))
        else:
            answer = annotation_answer(subject, properties, self._script_of(role, subject))
        message = {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return Reply(role, subject.hash, choice, 20 + len(name))

    def _script_of(self, role: str, subject: Subject) -> Script:
        return self.script.at_call(self.counts[(role, subject.hash)])

    def _refuse(self, shown: str) -> None:
        if self.script.refused_text and self.script.refused_text in shown:
            self.failures["400"] += 1
            raise NotUnderstood("this text is refused, as the script says")

    def _schema(self, body: dict[str, Any], system: str) -> tuple[str, dict[str, Any]]:
        """Name and properties of the schema asked for, or as the system prompt states it."""
        wanted = body.get("response_format") or {"type": "text"}
        if wanted["type"] in self.script.refused_formats:
            raise NotUnderstood(f"response_format {wanted['type']} is not supported")
        if wanted["type"] == "json_schema":
            return wanted["json_schema"]["name"], wanted["json_schema"]["schema"]["properties"]
        return "stated", json_object_in(system[system.rindex('{"type": "object"') :])["properties"]

    def _completion(self, body: dict[str, Any]) -> Reply:
        prompt = body["prompt"]
        view = self._views.get(prompt[: prompt.rfind(f"\n\n{TURN} ")])
        if view is None:
            raise NotUnderstood(
                f"this prompt is of no task named by --task (or no '{TURN}'/'{REPLY}' prompt)"
            )
        role, words = view
        shown, labels = unfence(prompt), tuple(words)
        subject = Subject(text_hash(shown), self.key.truth(shown, labels), labels)
        self._refuse(shown)
        scores = word_logprobs(subject, words, self._script_of(role, subject), role)
        top = {f" {word}": score for word, score in scores.items()}
        token = max(top, key=lambda word: top[word])
        logprobs = {"tokens": [token], "token_logprobs": [top[token]], "top_logprobs": [top]}
        choice = {"index": 0, "text": token, "finish_reason": "length", "logprobs": logprobs}
        return Reply(role, subject.hash, choice, 1)

    def _learn(self, task: Task) -> None:
        views = {"annotate": task.annotator, "judge": task.judge}
        limits = [view.text_limit for view in views.values() if isinstance(view, View)]
        for item in task.calibration:
            self.key.add(item.text, item.truth, limits)
        for role, view in views.items():
            if isinstance(view, View):
                words = {label: view.words[label] for label in task.label_names}
                self._views[prompt_head(view)] = (role, words)

    def _counted(self) -> dict[str, Any]:
        texts: dict[str, dict[str, int]] = {}
        for (role, text), count in self.counts.items():
            texts.setdefault(text, {})[role] = count
        total = Counter({"annotate": 0, "judge": 0})
        for (role, _), count in self.counts.items():
            total[role] += count
        failures = dict(self.failures)
        return {**total, "begun": self.begun, "failures": failures, "texts": texts}


def _reply(choice: dict[str, Any], words: int, raw: bytes) -> web.Response:
    usage = {"prompt_tokens": len(raw) // 4, "completion_tokens": words}
    return _json({"id": "scripted", "model": MODEL, "choices": [choice], "usage": usage})


def _json(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _json({"error": {"message": message, "type": "scripted"}}, status, headers)


async def started(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], port: int = 0
) -> tuple[web.ServerRunner, int]:
    """A server on a loopback port, 0 for any; clean up the runner to stop it."""
    server = web.Server(handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, port)
    await site.start()
    return runner, int(runner.addresses[0][1])
