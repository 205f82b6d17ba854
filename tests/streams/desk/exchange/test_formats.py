"""Every format there and back, and files as the tools themselves write them, good and bad."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.desk import Given
from models.errors import ConfigurationError
from models.task import Task
from models.task_file import parse_task
from streams.desk.exchange import label_studio, tables
from streams.desk.exchange.records import Answer, Bad, Exported, Found, Line, Unanswered
from streams.desk.exchange.taking import READ, WRITE, Format
from tests.scripted_bench import tags_task

FORMATS = list(READ)
LABELS = ("=SUM(A1)", "[a]", "plain", 'quo"ted, and\nmore', "'quoted", "-")
TAGS = parse_task(
    json.dumps(
        {
            "name": "tags",
            "kind": "multilabel",
            "instructions": "say",
            "labels": [{"name": name} for name in LABELS],
        }
    ),
    "tags.yaml",
)

# what no file can hold: half a surrogate pair is no text, and JSON of ours has none
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
SAID = TEXT.filter(lambda text: text.strip() != "")
NAME = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20)
FIRST, LAST = datetime(2001, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 - so wants hypothesis
MOMENT = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
SECONDS = st.none() | st.integers(0, 86_400).map(float)
GIVEN = st.builds(
    lambda labels, reason, seconds: Given(
        answer="label" if labels is not None else "ambiguous",
        labels=tuple(labels or ()),
        reason=reason,
        seconds=seconds,
    ),
    st.none() | st.lists(st.sampled_from(LABELS), unique=True, max_size=4),
    st.just("") | SAID,
    SECONDS,
)
ANSWERS = st.lists(
    st.builds(Answer, NAME, GIVEN, MOMENT), max_size=3, unique_by=lambda a: a.reviewer
)
ITEM = st.builds(
    Exported,
    item=NAME,
    task=st.just("tags"),
    version=st.just("tags/1@abc"),
    text=SAID,
    context=st.none() | TEXT,
    response=st.none() | TEXT,
    suggestion=st.none() | st.lists(st.sampled_from(LABELS), min_size=1, unique=True).map(tuple),
    answers=ANSWERS.map(tuple),
)


def there_and_back(kind: Format, items: list[Exported], path: Path) -> list[Line]:
    WRITE[kind](items, TAGS, path)
    return list(READ[kind](path))


def kept(kind: Format, answer: Answer) -> Answer:
    """What a format has room for."""
    if kind != "argilla":
        return answer
    return Answer(answer.reviewer, answer.given.model_copy(update={"seconds": None}))


@pytest.mark.parametrize("kind", FORMATS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=st.lists(ITEM, max_size=4))
def test_answers_come_back_as_they_went_out(
    tmp_path: Path, kind: Format, items: list[Exported]
) -> None:
    lines = there_and_back(kind, items, tmp_path / f"file.{kind}")
    expected = [
        (item.item, kept(kind, answer), item.suggestion is not None)
        for item in items
        for answer in item.answers
    ]
    found = [
        (line.item, line.answer, line.suggestion_shown) for line in lines if isinstance(line, Found)
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    waiting = [item for item in items if not item.answers]
    assert sum(isinstance(line, Unanswered) for line in lines) == len(waiting)
    assert not [line for line in lines if isinstance(line, Bad)]


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.builds(
    "{}{}{}".format, st.sampled_from(["", "'", "''"]), st.sampled_from("=+-@\t\r\n＝"), TEXT
)


@given(CELL)
def test_no_cell_is_a_formula_and_each_comes_back(cell: str) -> None:
    safe = tables.defused(cell)
    assert safe[:1] not in tuple("=+-@\t\r\n＝＋－＠")
    assert tables.restored(safe) == cell


def test_every_cell_of_a_csv_file_is_defused(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    hostile = '=HYPERLINK("http://x","y")'
    item = Exported(hostile, "@task", "+1", hostile, "-1", "\tx", (hostile,))
    tables.write_csv([item], path)
    assert path.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert hostile in path.read_text("utf-8-sig").replace('""', '"')
    for cell in path.read_text("utf-8-sig").splitlines()[1].split(","):
        assert not cell.strip('"').startswith(("=", "+", "-", "@", "\t"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "data", "item", "annotations", "result", "responses", "label",
                         "value", "from_name", "completed_by", "user_id", "label.responses"]),
        inner, max_size=4),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
@pytest.mark.parametrize("kind", FORMATS)
def test_any_file_is_lines_or_one_clear_message(
    tmp_path: Path, kind: Format, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        lines = list(READ[kind](path))
    except ConfigurationError as exc:
        assert str(exc).startswith(str(path))  # noqa: PT017 - either is right
    else:
        assert all(isinstance(line, Found | Unanswered | Bad) for line in lines)


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


def test_reviewers_are_blind_unless_asked_for_and_then_it_is_known(tmp_path: Path) -> None:
    blind = Exported("i1", "tags", "v", "hello")
    told = Exported("i2", "tags", "v", "hello", suggestion=("plain",))
    for kind in FORMATS:
        path = tmp_path / kind
        WRITE[kind]([blind], TAGS, path)
        assert b"plain" not in path.read_bytes()
        WRITE[kind]([told], TAGS, path)
        assert b"plain" in path.read_bytes()
    label_studio.write([told], tmp_path / "x")
    exported = json.loads((tmp_path / "x").read_text())
    exported[0]["annotations"] = [annotation(choice("label", "plain"))]
    (line,) = label_studio.read(written(tmp_path / "y", exported))
    assert isinstance(line, Found)
    assert line.suggestion_shown


@pytest.mark.parametrize(("of", "kind"), [(TAGS, "multiple"), (tags_task(), "multiple")])
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
