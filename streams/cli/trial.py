"""One text through annotator, judge and route by hand: nothing stored, nothing sent to Kafka."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.annotate.annotator import Annotator
from agents.judge.judge import Judge, new_judge
from agents.llm.ask import Ports
from agents.llm.requests import Answer, ChatRequest, CompletionRequest, ModelPort, Request
from agents.route.route import route
from models.annotation import Annotation, Missing
from models.result import Result
from models.sample import Sample, Source
from models.settings import Settings
from models.task import Model, Task
from models.verdict import Judged, Verdict
from streams.edge import Edge
from streams.process.vitals import Vitals
from streams.stages.annotate import attempted


@dataclass
class Overheard:
    """A model endpoint that remembers what it was asked."""

    inner: ModelPort
    asked: list[Request] = field(default_factory=list)

    @property
    def model(self) -> str:
        """The model used by tasks that name none."""
        return self.inner.model

    @property
    def deadline(self) -> float:
        """Seconds one attempt may take."""
        return self.inner.deadline

    async def complete_json(self, request: ChatRequest) -> Answer:
        """The answer of the endpoint."""
        self.asked.append(request)
        return await self.inner.complete_json(request)

    async def next_token(self, request: CompletionRequest) -> Answer:
        """The answer of the endpoint."""
        self.asked.append(request)
        return await self.inner.next_token(request)


@dataclass(frozen=True)
class Trial:
    """What one text came to.

    Attributes:
        annotator_prompts: what the annotator sent, calibration left out.
        judge_prompts: the same of the judge; empty when there is none or nothing to judge.
    """

    result: Result
    annotator_prompts: list[Request]
    judge_prompts: list[Request]


async def try_text(settings: Settings, task: Task, text: str) -> Trial:
    """Annotate, judge and route one text.

    Raises:
        ModelUnavailable: an endpoint does not answer.
        ConfigurationError: a model has no price and the task does not allow that.
    """
    sample = Sample(id="try", text=text, task=task.name, provenance="synthetic")
    async with AsyncExitStack() as stack:
        edge = Edge(settings, Vitals("try", "0"), stack)
        annotator_ports, heard = await _listening(edge, task, task.annotator)
        annotator = Annotator(task, annotator_ports)
        await annotator.prepare(_nothing_stored, _store_nothing)
        heard.asked.clear()
        key, attempts = sample.key(), settings.delivery.attempts
        annotation, why = await attempted(lambda: annotator.annotate(sample, key), attempts)
        judge, judge_heard = await _judge(edge, task)
        verdict, why_not = await _verdict(judge, sample, annotation, attempts)
    judged = _judged(task, sample).model_copy(
        update={
            "annotation": annotation,
            "annotation_missing": why,
            "verdict": verdict,
            "verdict_missing": why_not,
        }
    )
    asked_judge = judge_heard.asked if judge_heard else []
    return Trial(route(judged, task.first_policy), heard.asked, asked_judge)


async def _listening(edge: Edge, task: Task, part: Model) -> tuple[Ports, Overheard]:
    ports = await edge.ports(task, part.endpoint)
    heard = Overheard(ports.model)
    return replace(ports, model=heard), heard


async def _judge(edge: Edge, task: Task) -> tuple[Judge | None, Overheard | None]:
    if task.judge is None:
        return None, None
    ports, heard = await _listening(edge, task, task.judge)
    judge = new_judge(task, ports)
    if judge is not None:
        await judge.prepare(_nothing_stored, _store_nothing)
        heard.asked.clear()
    return judge, heard


async def _verdict(
    judge: Judge | None, sample: Sample, annotation: Annotation | None, attempts: int
) -> tuple[Verdict | None, Missing | None]:
    if annotation is None:
        return None, Missing(why="not_annotated")
    if judge is None:
        return None, Missing(why="not_judged", detail="the task has no judge")
    return await attempted(lambda: judge.judge(sample, annotation), attempts)


def _judged(task: Task, sample: Sample) -> Judged:
    now = datetime.fromtimestamp(time.time(), UTC)
    return Judged(
        sample_key=sample.key(),
        source=Source(topic="try", partition=0, offset=0, at=now),
        sample=sample,
        task=task.identity,
        policy=task.first_policy.version,
    )


async def _nothing_stored(fingerprint: str) -> str | None:
    return None


async def _store_nothing(fingerprint: str, parameters: str) -> None:
    return None
