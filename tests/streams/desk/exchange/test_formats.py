"""Every format there and back, whatever is in it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.desk import Given
from models.errors import ConfigurationError
from models.task_file import parse_task
from streams.desk.exchange import label_studio, tables
from streams.desk.exchange.records import Answer, Bad, Exported, Found, Line, Unanswered
from streams.desk.exchange.taking import READ, WRITE, Format

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
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_labels_of_any_characters_are_choices() -> None:
    config = ET.fromstring(label_studio.labelling_config(TAGS))
    labels = config.find("./Choices[@name='label']")
    assert labels is not None
    assert tuple(each.get("value") for each in labels) == TAGS.label_names


def test_reviewers_are_blind_unless_asked_for(tmp_path: Path) -> None:
    blind = Exported("i1", "tags", "v", "hello")
    told = Exported("i2", "tags", "v", "hello", suggestion=("plain",))
    for kind in FORMATS:
        path = tmp_path / kind
        WRITE[kind]([blind], TAGS, path)
        assert b"plain" not in path.read_bytes()
        WRITE[kind]([told], TAGS, path)
        assert b"plain" in path.read_bytes()
