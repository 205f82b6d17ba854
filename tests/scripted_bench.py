"""What tests of the model edge share: tasks, a scripted model on loopback and clients of it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from agents.llm.ask import Ports
from agents.llm.budget import Budget
from agents.llm.cache import AnswerCache
from agents.llm.client import ModelClient
from agents.llm.requests import Observation
from models.settings import Endpoint
from models.task import Task
from models.task_file import parse_task
from streams.embedded.scripted_answers import Key, Script
from streams.embedded.scripted_server import ScriptedModel, started

CHAT_TASK = """
name: inbox
kind: classification
instructions: Sort messages of a shop's inbox.
labels:
  - {name: refund, definition: The customer wants money back.}
  - {name: delivery, definition: The customer asks where the parcel is.}
  - {name: other}
annotator:
  name: chatty
  mode: chat
  examples: [{text: where is it, label: delivery}]
judge: {kind: rubric, criteria: [label_fits, nothing_missed]}
spend: {unpriced: allow}
"""

VIEW_TASK = """
name: sms
kind: classification
instructions: Tell unwanted messages from personal ones.
labels: [{name: ham}, {name: spam}]
prior: {ham: 0.86, spam: 0.14}
annotator:
  name: first
  mode: completion
  question: Is this SMS a scam or personal?
  words: {ham: personal, spam: scam}
  examples: [{text: win a prize, label: spam}, {text: see you at six, label: ham}]
judge:
  kind: second_view
  name: second
  question: Advert or friend?
  words: {ham: friend, spam: advert}
  examples: [{text: cheap loans, label: spam}, {text: love you, label: ham}]
calibration:
  - {text: calibration ham one, label: ham}
  - {text: calibration ham two, label: ham}
  - {text: calibration ham three, label: ham}
  - {text: calibration spam one, label: spam}
  - {text: calibration spam two, label: spam}
  - {text: calibration spam three, label: spam}
spend: {unpriced: allow}
"""

TAGS_TASK = """
name: tickets
kind: multilabel
instructions: Give every topic that the ticket is about.
labels: [{name: billing}, {name: login}, {name: speed}]
judge: {kind: rubric, criteria: [label_fits, nothing_missed, nothing_extra]}
spend: {unpriced: allow}
"""


@dataclass
class Clock:
    """A clock that a test moves."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """One scripted model, a client of it and what the client reported."""

    model: ScriptedModel
    client: ModelClient
    observed: list[Observation]
    ports: Ports
    store: dict[str, str] = field(default_factory=dict)

    async def load(self, key: str) -> str | None:
        return self.store.get(key)

    async def save(self, key: str, parameters: str) -> None:
        self.store.setdefault(key, parameters)


def endpoint(port: int, **more: Any) -> Endpoint:
    """Settings of a loopback endpoint."""
    settings = {"timeout_seconds": 5.0, "model": "scripted", "api_key": SecretStr("s3cret")} | more
    return Endpoint(base_url=f"http://127.0.0.1:{port}/v1", **settings)


async def new_bench(
    stack: AsyncExitStack,
    *tasks: Task,
    truths: Mapping[str, Sequence[str]] | None = None,
    script: Script | None = None,
    cache_seconds: float = 0.0,
    budget: Budget | None = None,
    **settings: Any,
) -> Bench:
    """A scripted model that knows some tasks and labels, and a client of it."""
    key = Key()
    for text, labels in (truths or {}).items():
        key.add(text, labels)
    model = ScriptedModel(key, script or Script(), tasks)
    observed: list[Observation] = []
    clock = asyncio.get_running_loop().time
    runner, port = await started(model.handle)
    stack.push_async_callback(runner.cleanup)
    client = ModelClient(endpoint(port, **settings), clock, observed.append)
    await stack.enter_async_context(client)
    ports = Ports(
        model=client,
        budget=budget or Budget(None),
        cache=AnswerCache(cache_seconds, clock),
        clock=clock,
        now=lambda: 0.0,
        salt="salt",
    )
    return Bench(model, client, observed, ports)


def chat_task() -> Task:
    """A classification by a chat model, judged by rubric."""
    return parse_task(CHAT_TASK, "chat.yaml")


def view_task() -> Task:
    """A classification by a completion model, judged by a second view."""
    return parse_task(VIEW_TASK, "view.yaml")


def tags_task() -> Task:
    """A multilabel task."""
    return parse_task(TAGS_TASK, "tags.yaml")
