"""Every criterion of the registry: versioned with its words, usable for what it applies to."""

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from agents.annotate.kinds import kind_of, object_schema
from agents.judge.criteria import CRITERIA, Criterion
from agents.judge.rubric import answer_properties, read_opinion, system_prompt
from models.task import MultilabelTask, Task
from streams.embedded.scripted_answers import Script, Subject, verdict_answer
from tests.scripted_bench import chat_task, tags_task

GOLDEN = Path(__file__).with_name("criteria.json")
KINDS = {
    member.model_fields["kind"].annotation.__args__[0] for member in get_args(get_args(Task)[0])
}
EACH = pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)


def task_of(kind: str) -> Task:
    return tags_task() if kind == "multilabel" else chat_task()


def test_the_words_of_a_version_never_change() -> None:
    """Changed a rubric? Raise its version, then write the new hash beside the old ones here."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    for criterion in CRITERIA.values():
        assert golden.get(criterion.identity.name) == criterion.identity.hash


@EACH
def test_a_criterion_is_complete(criterion: Criterion) -> None:
    assert CRITERIA[criterion.name] is criterion
    assert criterion.scale[0] < criterion.scale[1]
    assert criterion.applies_to <= KINDS
    assert criterion.applies_to
    assert str(criterion.scale[0]) in criterion.rubric
    assert str(criterion.scale[1]) in criterion.rubric
    assert criterion.share(criterion.scale[0]) == 0
    assert criterion.share(criterion.scale[1]) == 1


@EACH
def test_its_prompt_renders_and_a_scripted_verdict_is_read(criterion: Criterion) -> None:
    for name in criterion.applies_to:
        task = task_of(name)
        kind = kind_of(task)
        assert criterion.rubric in system_prompt(task, kind, [criterion])
        properties = answer_properties(kind, [criterion])
        labels = task.label_names
        truth = labels[:2] if isinstance(task, MultilabelTask) else labels[:1]
        subject = Subject("text", truth, labels)
        answer = verdict_answer(subject, labels[1], properties, Script())
        jsonschema.validate(answer, object_schema(properties))
        (score,) = read_opinion(answer, kind, [criterion]).scores
        assert score.criterion == criterion.identity
