"""Files as other tools write them, and as people fill them in, good and bad."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.desk import Given
from models.errors import ConfigurationError
from models.task import Task
from streams.desk.exchange import label_studio, tables
from streams.desk.exchange.records import Answer, Bad, Exported, Found, Unanswered
from streams.desk.exchange.taking import READ
from tests.scripted_bench import chat_task, tags_task


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def choice(control: str, *values: str) -> dict[str, Any]:
    """A region as Label Studio exports it."""
    return {
        "id": "zLSY-XLk64",
        "from_name": control,
        "to_name": "text",
        "type": "choices",
        "origin": "manual",
        "value": {"choices": list(values)},
    }


def annotation(*results: dict[str, Any], by: object = 7, **more: Any) -> dict[str, Any]:
    return {
        "id": 1001,
        "completed_by": by,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-03-09T22:16:08.728353Z",
        "updated_at": "2026-03-09T22:16:08.728378Z",
        "lead_time": 4.288,
        **more,
    }


def task(*annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "project": 83,
        "data": {"item": "i1", "text": "hello", **data},
        "annotations": list(annotations),
        "predictions": [],
        "drafts": [],
    }


def test_an_export_of_label_studio(tmp_path: Path) -> None:
    reason = {"from_name": "reason", "type": "textarea", "value": {"text": ["as it says"]}}
    email = {"id": 3, "email": "ann@example.com", "first_name": "", "last_name": ""}
    path = written(
        tmp_path / "export.json",
        [
            task(
                annotation(choice("label", "spam"), reason, by=email),
                annotation(choice("ambiguous", "ambiguous"), by=12),
                annotation(was_cancelled=True),
                annotation(choice("label", "spam"), by=None),
                annotation({"from_name": "label", "value": {"choices": [1]}}),
            ),
            task(item=""),
            task(item="i2"),
            {"data": "x"},
        ],
    )
    first, second, skipped, nobody, odd, no_item, empty, no_data = label_studio.read(path)
    assert isinstance(first, Found)
    assert first.answer == Answer(
        "ann@example.com",
        Given(answer="label", labels=("spam",), reason="as it says", seconds=4.288),
        datetime(2026, 3, 9, 22, 16, 8, 728353, UTC),
    )
    assert isinstance(second, Found)
    assert (second.answer.reviewer, second.answer.given.answer) == ("12", "ambiguous")
    assert isinstance(skipped, Unanswered)
    assert nobody == Bad(
        f"{path}: record 1, annotation 4", "completed_by: expected a text, got None"
    )
    assert odd == Bad(
        f"{path}: record 1, annotation 5", "label.choices: expected a list of texts, got [1]"
    )
    assert no_item == Bad(f"{path}: record 2", "data.item: expected a text, got ''")
    assert isinstance(empty, Unanswered)
    assert no_data == Bad(f"{path}: record 4", "data: expected an object, got 'x'")


def test_labels_beside_an_item_are_known_when_its_answers_come_back(tmp_path: Path) -> None:
    for path, suggestion in ((tmp_path / "blind", None), (tmp_path / "told", ("spam",))):
        label_studio.write([Exported("i1", "mail", "v", "hello", suggestion=suggestion)], path)
        exported = json.loads(path.read_text(encoding="utf-8"))
        exported[0]["annotations"] = [annotation(choice("label", "spam"))]
        (line,) = label_studio.read(written(path, exported))
        assert isinstance(line, Found)
        assert line.suggestion_shown is (suggestion is not None)


@pytest.mark.parametrize(("of", "kind"), [(chat_task(), "single"), (tags_task(), "multiple")])
def test_the_labelling_configuration_names_every_label(of: Task, kind: str) -> None:
    config = ET.fromstring(label_studio.labelling_config(of))
    labels = config.find("./Choices[@name='label']")
    assert labels is not None
    assert labels.get("choice") == kind
    assert tuple(each.get("value") for each in labels) == of.label_names


def test_records_of_argilla(tmp_path: Path) -> None:
    def record(**responses: Any) -> dict[str, Any]:
        return {
            "id": "i1",
            "fields": {"text": "hello"},
            "metadata": {},
            "suggestions": {},
            "responses": responses,
            "vectors": {},
            "_server_id": "f00",
        }

    path = written(
        tmp_path / "records.json",
        [
            record(
                label=[{"value": "spam", "user_id": "u1"}, {"value": ["a", "b"], "user_id": "u2"}],
                ambiguous=[{"value": "ambiguous", "user_id": "u3"}],
                reason=[{"value": "why", "user_id": "u1"}, {"value": "alone", "user_id": "u4"}],
            ),
            record(),
            record(label=[{"value": "spam"}]),
            record(label="spam"),
        ],
    )
    lines = list(READ["argilla"](path))
    assert [line.answer.given.labels for line in lines[:2] if isinstance(line, Found)] == [
        ("spam",),
        ("a", "b"),
    ]
    assert isinstance(lines[0], Found)
    assert lines[0].answer.given.reason == "why"
    kinds = [type(line).__name__ for line in lines[2:]]
    assert kinds == ["Found", "Unanswered", "Unanswered", "Bad", "Bad"]


def test_a_flat_dataset_of_argilla_counts_what_was_submitted(tmp_path: Path) -> None:
    flat = {
        "id": "i1",
        "text": "hello",
        "label.responses": ["spam", "ham", "ham"],
        "label.responses.users": ["u1", "u2", "u3"],
        "label.responses.status": ["submitted", "draft", "discarded"],
        "label.suggestion": "ham",
    }
    uneven = {**flat, "label.responses.users": ["u1"]}
    path = tmp_path / "flat.jsonl"
    path.write_text(f"{json.dumps(flat)}\n\nnot json\n{json.dumps(uneven)}\n", encoding="utf-8")
    found, broken, differing = READ["argilla"](path)
    assert isinstance(found, Found)
    assert (found.answer.reviewer, found.suggestion_shown) == ("u1", True)
    assert isinstance(broken, Bad)
    assert broken.place == f"{path}:3"
    assert isinstance(differing, Bad)
    assert "differ in number" in differing.why


def test_a_table_filled_in_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "filled.csv"
    path.write_text(
        "item,reviewer,answer,labels,note\n"
        "i1,ann,,spam,mine\n"
        "i2,ann,ambiguous,,\n"
        "i3,,,,\n"
        'i4,ann,label,"[""a"", ""b""]",\n'
        "i5,,label,spam,\n"
        "i6,ann,perhaps,spam,\n"
        ",ann,label,spam,\n",
        encoding="utf-8",
    )
    lines = list(tables.read_csv(path))
    said = [line.answer.given.labels for line in lines if isinstance(line, Found)]
    assert said == [("spam",), (), ("a", "b")]
    assert isinstance(lines[2], Unanswered)
    assert [line.why.partition(":")[0] for line in lines if isinstance(line, Bad)] == [
        "reviewer",
        "answer",
        "item",
    ]
    assert lines[4].place == f"{path}:6"
    path.write_text("item,labels\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no column 'reviewer'"):
        list(tables.read_csv(path))


def test_a_parquet_file_with_other_types_is_named_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    row = {"item": "i1", "reviewer": "ann", "answer": "label", "labels": "spam", "reason": 7}
    pq.write_table(pa.Table.from_pylist([row]), path)
    (line,) = tables.read_parquet(path)
    assert line == Bad(f"{path}: row 1", "reason: expected a text, got 7")
    pq.write_table(pa.table({"item": ["i1"]}), path)
    with pytest.raises(ConfigurationError, match="no column"):
        list(tables.read_parquet(path))


@pytest.mark.parametrize("read", [tables.read_csv, tables.read_parquet, label_studio.read])
def test_a_file_that_is_not_there_is_one_clear_message(
    tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.file"):
        list(read(tmp_path / "no.file"))


def test_times_come_in_any_zone_or_none(tmp_path: Path) -> None:
    east = datetime(2026, 1, 1, 2, tzinfo=UTC)
    body = [
        task(annotation(choice("label", "a"), created_at=at))
        for at in ("2026-01-01T04:00:00+02:00", "2026-01-01T02:00:00", "yesterday", None)
    ]
    lines = list(label_studio.read(written(tmp_path / "t.json", body)))
    assert [line.answer.at for line in lines if isinstance(line, Found)] == [east, east, None, None]


HALF = "\ud83d"
"""The first half of a surrogate pair: JSON can say it, and no text holds it."""

LONG = 10**400
"""Numbers in JSON have no end."""


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (annotation({"from_name": "reason", "value": {"text": [HALF]}}), "reason: "),
        (annotation(choice("label", "a"), by=HALF), "completed_by: "),
        (annotation(choice("label", *map(str, range(201)))), "labels: "),
    ],
)
def test_what_is_no_answer_is_one_bad_line(tmp_path: Path, odd: dict[str, Any], why: str) -> None:
    good = annotation(choice("label", "a"))
    bad, other = label_studio.read(written(tmp_path / "export.json", [task(odd, good)]))
    assert isinstance(bad, Bad)
    assert bad.why.startswith(why)
    assert isinstance(other, Found)


def test_a_time_spent_beyond_all_numbers_is_none(tmp_path: Path) -> None:
    spent = [task(annotation(choice("label", "a"), lead_time=each)) for each in (LONG, -1, 3)]
    lines = list(label_studio.read(written(tmp_path / "export.json", spent)))
    assert [each.answer.given.seconds for each in lines if isinstance(each, Found)] == [
        None,
        None,
        3.0,
    ]
    path = tmp_path / "filled.csv"
    path.write_text(f"item,reviewer,answer,labels,seconds\ni1,ann,,a,{LONG}\n", encoding="utf-8")
    (line,) = tables.read_csv(path)
    assert isinstance(line, Found)
    assert line.answer.given.seconds is None


def test_a_parquet_file_with_broken_texts_or_times_is_one_clear_message(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    row = {"item": ["i1"], "reviewer": ["ann"], "answer": ["label"]}
    broken = pa.array([b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({**row, "labels": broken}), path)
    with pytest.raises(ConfigurationError, match="not a Parquet file"):
        list(tables.read_parquet(path))
    late = pa.array([2**60], pa.timestamp("us"))
    pq.write_table(pa.table({**row, "labels": ["a"], "at": late}), path)
    with pytest.raises(ConfigurationError, match="not a Parquet file"):
        list(tables.read_parquet(path))
