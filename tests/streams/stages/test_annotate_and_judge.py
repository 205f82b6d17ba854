"""Annotate and judge as functions from record to record, with models that do as they are told."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from models.annotation import Annotated, Annotation, Usage
from models.errors import (
    BadAnswer,
    BudgetExhausted,
    InvalidRecord,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    Unavailable,
)
from models.record import Version
from models.rows import Action
from models.sample import Sample, Source
from models.settings import Kafka, SampleFields
from models.task_file import parse_task
from models.verdict import Judged, Verdict
from streams.delivery.records import Incoming
from streams.intake import SampleForm
from streams.stages import annotate
from streams.stages import judge as judging
from streams.topics import Topics

TOPICS = Topics.of(Kafka())
TASK = parse_task(
    "name: t\nkind: classification\ninstructions: say\nlabels: [{name: a}, {name: b}]\n"
    "sample_rate: 0.5\n",
    "t.yaml",
)
ALL = parse_task(
    "name: all\nkind: classification\ninstructions: say\nlabels: [{name: a}, {name: b}]\n", "a.yaml"
)
VERSION = Version(name="m", hash="h")
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Model:
    """An annotator and a judge in one; `errors` are raised one after the other first."""

    version = VERSION

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def _say(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)

    async def annotate(self, sample: Sample, sample_key: str) -> Annotation:
        self._say()
        return Annotation(
            annotation_id="1", annotator=VERSION, labels=("a",), model="m", usage=Usage()
        )

    async def judge(self, sample: Sample, annotation: Annotation) -> Verdict:
        self._say()
        return Verdict(
            verdict_id="1", judge=VERSION, kind="rubric", p_correct=0.5, model="m", usage=Usage()
        )


def annotate_stage(model: Model, action: Action = "run") -> annotate.AnnotateStage:
    benches = {task.name: annotate.Bench(task, model) for task in (TASK, ALL)}
    control: Callable[[str], Action] = lambda _: action  # noqa: E731
    return annotate.AnnotateStage(
        TOPICS, benches, SampleForm(SampleFields(), "all"), control, attempts=2
    )


def record(value: str) -> Incoming:
    return Incoming(Source(topic="s", partition=2, offset=9, at=AT), b"k", value.encode())


async def annotated(model: Model, value: str = '{"id": 1, "text": "x"}') -> Annotated:
    (output,) = await annotate_stage(model).handle(record(value))
    assert (output.topic, output.key, output.follow) == (TOPICS.annotations, b"k", True)
    return Annotated.model_validate_json(output.value)


async def test_a_sample_is_annotated_and_carries_where_it_came_from() -> None:
    message = await annotated(Model())
    assert message.annotation is not None
    assert message.annotation.labels == ("a",)
    assert (message.source.partition, message.source.offset, message.source.at) == (2, 9, AT)
    assert message.task == ALL.identity


@pytest.mark.parametrize(
    ("errors", "why", "calls"),
    [
        ((BadAnswer("rubbish"),), "failed", 1),
        ((ModelRefused("content"),), "failed", 1),
        ((ModelTimeout("slow"), ModelTimeout("slow")), "failed", 2),
        ((BudgetExhausted("cap"),), "over_budget", 1),
    ],
)
async def test_why_there_is_no_annotation(
    errors: tuple[Exception, ...], why: str, calls: int
) -> None:
    model = Model(*errors)
    message = await annotated(model)
    assert message.annotation is None
    assert message.annotation_missing is not None
    assert (message.annotation_missing.why, model.calls) == (why, calls)


async def test_one_timeout_is_asked_again() -> None:
    assert (await annotated(Model(ModelTimeout("slow")))).annotation is not None


async def test_an_unavailable_model_is_no_answer() -> None:
    with pytest.raises(ModelUnavailable):
        await annotated(Model(ModelUnavailable("down")))


async def test_an_unserved_task_is_named() -> None:
    with pytest.raises(InvalidRecord, match="'zz' is not served here; served: all, t"):
        await annotated(Model(), '{"id": 1, "text": "x", "task": "zz"}')


async def test_a_paused_task_waits_and_a_stopped_one_costs_nothing() -> None:
    model = Model()
    with pytest.raises(Unavailable, match="paused"):
        await annotate_stage(model, "pause").handle(record('{"id": 1, "text": "x"}'))
    (output,) = await annotate_stage(model, "stop").handle(record('{"id": 1, "text": "x"}'))
    message = Annotated.model_validate_json(output.value)
    assert message.annotation_missing is not None
    assert (message.annotation_missing.why, model.calls) == ("stopped", 0)


async def test_the_sample_rate_thins_replayably_but_never_an_evaluation() -> None:
    model = Model()
    stage = annotate_stage(model)
    for n in range(400):
        await stage.handle(record(f'{{"id": {n}, "text": "x", "task": "t"}}'))
    first = model.calls
    assert abs(first - 200) < 50
    for n in range(400):
        await stage.handle(record(f'{{"id": {n}, "text": "x", "task": "t"}}'))
    assert model.calls == 2 * first
    for n in range(100):
        value = f'{{"id": {n}, "text": "x", "task": "t", "provenance": "evaluation"}}'
        await stage.handle(record(value))
    assert model.calls == 2 * first + 100


async def judged(judge: Model | None, message: Annotated) -> Judged:
    stage = judging.JudgeStage(
        TOPICS, {"all": judging.Bench(judge, lambda: ALL.first_policy.version)}, attempts=2
    )
    (output,) = await stage.handle(record(message.encode().decode()))
    assert output.topic == TOPICS.verdicts
    return Judged.model_validate_json(output.value)


async def test_a_verdict_names_the_policy_in_force() -> None:
    message = await judged(Model(), await annotated(Model()))
    assert message.verdict is not None
    assert message.policy == ALL.first_policy.version


async def test_a_failed_judgement_is_a_record() -> None:
    message = await judged(Model(BadAnswer("no")), await annotated(Model()))
    assert message.annotation is not None
    assert message.verdict is None
    assert message.verdict_missing is not None
    assert message.verdict_missing.why == "failed"


async def test_what_was_not_annotated_is_not_judged() -> None:
    judge = Model()
    message = await judged(judge, await annotated(Model(BadAnswer("no"))))
    assert message.verdict_missing is not None
    assert (message.verdict_missing.why, judge.calls) == ("not_annotated", 0)
    message = await judged(None, await annotated(Model()))
    assert message.verdict_missing is not None
    assert message.verdict_missing.why == "not_judged"


async def test_rubbish_on_annotations_is_refused() -> None:
    stage = judging.JudgeStage(TOPICS, {}, attempts=1)
    with pytest.raises(InvalidRecord, match="annotations"):
        await stage.handle(record("{}"))
    assert judging.identify(record("{}")).sample_key == ""
