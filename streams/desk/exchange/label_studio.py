"""Label Studio: tasks to import there, and its JSON export with choices.

A task's `data` holds the item's id; whatever the project adds stays beside it. Labels are choices
of a control named `label`; `ambiguous` and `reason` are two more (`labelling_config` makes all
three). https://labelstud.io/guide/task_format
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from models.task import ClassificationTask, Task
from streams.desk.exchange.records import (
    AMBIGUOUS,
    LABEL,
    REASON,
    Answer,
    Bad,
    Exported,
    Found,
    Line,
    Unanswered,
    Unreadable,
    given_of,
    json_records,
    mapping_in,
    moment_in,
    reviewer_in,
    seconds_in,
    text_in,
    texts_in,
)

TEXT = "text"
_FIELDS = ("context", TEXT, "response")


def write(items: Sequence[Exported], path: Path) -> None:
    """A file to import there."""
    tasks = [_task(item) for item in items]
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def labelling_config(task: Task) -> str:
    """The project's labelling configuration (XML): texts, labels, ambiguous, reason."""
    choice = "single" if isinstance(task, ClassificationTask) else "multiple"
    choices = [
        f"    <Choice value={quoteattr(label.name)} hint={quoteattr(label.definition)}/>"
        for label in task.labels
    ]
    lines = [
        "<View>",
        *(f'  <Text name="{name}" value="${name}"/>' for name in _FIELDS),
        f'  <Choices name="{LABEL}" toName="{TEXT}" choice="{choice}">',
        *choices,
        "  </Choices>",
        f'  <Choices name="{AMBIGUOUS}" toName="{TEXT}" choice="multiple">',
        f'    <Choice value="{AMBIGUOUS}" hint="No label can be given."/>',
        "  </Choices>",
        f'  <TextArea name="{REASON}" toName="{TEXT}" maxSubmissions="1" rows="2"/>',
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def read(path: Path) -> Iterator[Line]:
    """The annotations of an export, one after the other.

    Raises:
        ConfigurationError: the file is no JSON.
    """
    for place, record in json_records(path):
        try:
            item, shown, annotations = _annotations(record)
        except Unreadable as exc:
            yield Bad(place, str(exc))
            continue
        if not annotations:
            yield Unanswered(place)
        for number, annotation in enumerate(annotations, 1):
            yield _line(f"{place}, annotation {number}", item, annotation, shown=shown)


def _task(item: Exported) -> dict[str, Any]:
    task: dict[str, Any] = {
        "data": {
            "item": item.item,
            "task": item.task,
            "context": item.context or "",
            "text": item.text,
            "response": item.response or "",
        },
        "meta": {"version": item.version},
    }
    if item.suggestion is not None:
        task["predictions"] = [
            {"model_version": item.version, "result": _choices(LABEL, item.suggestion)}
        ]
    if item.answers:
        task["annotations"] = [_annotation(answer) for answer in item.answers]
    return task


def _annotation(answer: Answer) -> dict[str, Any]:
    given = answer.given
    result = _choices(LABEL, given.labels)
    if given.answer == "ambiguous":
        result += _choices(AMBIGUOUS, (AMBIGUOUS,))
    if given.reason:
        result.append(_result(REASON, "textarea", {"text": [given.reason]}))
    return {
        "completed_by": {"email": answer.reviewer},
        "was_cancelled": False,
        "lead_time": given.seconds,
        "created_at": answer.at.isoformat() if answer.at else None,
        "result": result,
    }


def _choices(control: str, values: Sequence[str]) -> list[dict[str, Any]]:
    return [_result(control, "choices", {"choices": list(values)})] if values else []


def _result(control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": control, "to_name": TEXT, "type": kind, "value": value}


def _annotations(record: object) -> tuple[str, bool, list[object]]:
    """A task's item, whether it came with predictions, and its annotations."""
    if isinstance(record, Unreadable):
        raise record
    task = mapping_in(record, "task")
    data = mapping_in(task.get("data"), "data")
    item = text_in(data.get("item"), "data.item")
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list):
        raise Unreadable("annotations: expected a list")
    return item, bool(task.get("predictions")), annotations


def _line(place: str, item: str, annotation: object, *, shown: bool) -> Line:
    try:
        body = mapping_in(annotation, "annotation")
        if body.get("was_cancelled"):
            return Unanswered(place)
        return Found(place, item, _answer(body), shown)
    except Unreadable as exc:
        return Bad(place, str(exc))


def _answer(body: dict[str, Any]) -> Answer:
    said: dict[str, list[str]] = {LABEL: [], AMBIGUOUS: [], REASON: []}
    results = body.get("result") or []
    if not isinstance(results, list):
        raise Unreadable("result: expected a list")
    for each in results:
        result = mapping_in(each, "result")
        if (control := result.get("from_name")) in said:
            value = mapping_in(result.get("value"), f"{control}.value")
            field = "text" if control == REASON else "choices"
            said[control] += texts_in(value.get(field), f"{control}.{field}")
    given = given_of(
        said[LABEL],
        ambiguous=bool(said[AMBIGUOUS]),
        reason="\n".join(said[REASON]),
        seconds=seconds_in(body.get("lead_time")),
    )
    at = moment_in(body.get("created_at"))
    return Answer(_reviewer(body.get("completed_by")), given, at)


def _reviewer(who: object) -> str:
    """Exports name people by number, or as an object with number, names and e-mail address."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("username") or who.get("id")
    return reviewer_in(who, "completed_by")
