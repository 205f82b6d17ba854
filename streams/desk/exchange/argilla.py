"""Argilla 2: records to import there, and its exports, as JSON records or as a flat dataset.

An item's id is the record's id. Questions: `label` (label or multi-label), `ambiguous` (a label
question with that one label) and `reason` (text), none of them required.
https://docs.argilla.io/latest/how_to_guides/import_export
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    reviewer_in,
    text_in,
    texts_in,
)

QUESTIONS = (LABEL, AMBIGUOUS, REASON)

Said = dict[str, dict[str, object]]
"""Per user, the value of each question they answered."""


def write(items: Sequence[Exported], task: Task, path: Path) -> None:
    """A file for `dataset.records.from_json`."""
    single = isinstance(task, ClassificationTask)
    records = [_record(item, single=single) for item in items]
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Iterator[Line]:
    """The responses of a file by `dataset.records.to_json`, or of a flat dataset's JSON lines.

    Only what was submitted counts, where the file says so; the first of the two does not.

    Raises:
        ConfigurationError: the file is no JSON.
    """
    for place, record in json_records(path):
        try:
            item, shown, said = _responses(record)
        except Unreadable as exc:
            yield Bad(place, str(exc))
            continue
        if not said:
            yield Unanswered(place)
        for user, values in said.items():
            at = f"{place}, user {user[:40]}"
            try:
                answer = _answer(user, values)
                yield Found(at, item, answer, shown) if answer else Unanswered(at)
            except Unreadable as exc:
                yield Bad(at, str(exc))


def _record(item: Exported, *, single: bool) -> dict[str, Any]:
    texts = {"context": item.context, "text": item.text, "response": item.response}
    suggestion = item.suggestion
    return {
        "id": item.item,
        "fields": {name: text for name, text in texts.items() if text is not None},
        "metadata": {"task": item.task, "version": item.version},
        "suggestions": {}
        if suggestion is None or (single and not suggestion)
        else {LABEL: {"value": _value(suggestion, single), "score": None, "agent": item.version}},
        "responses": _written(item.answers, single=single),
        "vectors": {},
    }


def _written(answers: Sequence[Answer], *, single: bool) -> dict[str, list[dict[str, object]]]:
    responses: dict[str, list[dict[str, object]]] = defaultdict(list)
    for answer in answers:
        given, who = answer.given, answer.reviewer
        if given.answer == "ambiguous":
            responses[AMBIGUOUS].append({"value": AMBIGUOUS, "user_id": who})
        else:
            responses[LABEL].append({"value": _value(given.labels, single), "user_id": who})
        if given.reason:
            responses[REASON].append({"value": given.reason, "user_id": who})
    return responses


def _value(labels: Sequence[str], single: bool) -> object:
    return labels[0] if single and labels else list(labels)


def _responses(record: object) -> tuple[str, bool, Said]:
    """A record's item, whether it came with suggestions, and what each user said."""
    if isinstance(record, Unreadable):
        raise record
    body = mapping_in(record, "record")
    item = text_in(body.get("id"), "id")
    if isinstance(body.get("responses"), dict):
        return item, bool(body.get("suggestions")), _nested(body["responses"])
    return item, body.get(f"{LABEL}.suggestion") is not None, _flat(body)


def _nested(responses: Mapping[str, object]) -> Said:
    said: Said = defaultdict(dict)
    for question in QUESTIONS:
        given = responses.get(question) or []
        if not isinstance(given, list):
            raise Unreadable(f"responses.{question}: expected a list")
        for each in given:
            response = mapping_in(each, f"responses.{question}")
            if response.get("status", "submitted") == "submitted":
                user = reviewer_in(response.get("user_id"), f"responses.{question}.user_id")
                said[user][question] = response.get("value")
    return said


def _flat(body: Mapping[str, object]) -> Said:
    said: Said = defaultdict(dict)
    for question in QUESTIONS:
        values = _column(body, f"{question}.responses")
        users = _column(body, f"{question}.responses.users")
        states = _column(body, f"{question}.responses.status") or ["submitted"] * len(values)
        if not len(values) == len(users) == len(states):
            raise Unreadable(f"{question}.responses: values, users and status differ in number")
        for value, user, state in zip(values, users, states, strict=True):
            if state == "submitted":
                said[reviewer_in(user, f"{question}.responses.users")][question] = value
    return said


def _column(body: Mapping[str, object], name: str) -> list[object]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Unreadable(f"{name}: expected a list")
    return found


def _answer(user: str, values: Mapping[str, object]) -> Answer | None:
    """A user's answer; none where only a reason was written."""
    if LABEL not in values and AMBIGUOUS not in values:
        return None
    reason = values.get(REASON)
    given = given_of(
        texts_in(values.get(LABEL) or (), LABEL),
        ambiguous=bool(values.get(AMBIGUOUS)),
        reason=text_in(reason, REASON) if reason else "",
    )
    return Answer(user, given)
