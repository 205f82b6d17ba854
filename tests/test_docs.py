"""The documents name what exists, and everything there is."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from models.result import STATES
from models.settings import SampleFields, Settings
from models.task import (
    ChatAnnotator,
    ClassificationTask,
    CompletionAnnotator,
    Drift,
    Label,
    LabelledText,
    MultilabelTask,
    Price,
    Ranking,
    Review,
    Routing,
    RubricJudge,
    SecondViewJudge,
    Spend,
)
from streams.topics import STAGES
from tests.drills.plan import long, short

ROOT = Path(__file__).parents[1]
DOCS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def settings_of(model: type[BaseModel], prefix: str = "TIDEGAUGE_") -> dict[str, Any]:
    """Every environment variable and its default; groups of groups by their fields."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        full = f"{prefix}{name}".upper()
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            found |= settings_of(group, f"{full}__")
        else:
            found[full] = field.default
    return found


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made on the web."""
    titles = HEADING.findall(path.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_what_guarantees_name_as_proof_exists() -> None:
    text = read("docs/guarantees.md")
    tests = {
        f"{path.stem}::{name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def test_(\w+)", path.read_text("utf-8"), re.M)
    }
    named = set(re.findall(r"`(test_\w+::\w+)`", text))
    assert len(named) > 40
    assert not named - tests
    rounds = {one.name for drill in (short(), *long()) for one in drill.rounds}
    said = re.findall(r"rounds? ((?:\"[^\"]+\"(?:, )?)+)", text)
    quoted = {name for part in said for name in re.findall(r'"([^"]+)"', part)}
    assert quoted
    assert not quoted - rounds
    assert "every drill" in text


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


@pytest.mark.parametrize("name", settings_of(Settings))
def test_every_setting_is_explained(name: str) -> None:
    text = read("docs/operating.md")
    group, _, last = name.rpartition("__")
    if group == "TIDEGAUGE_KAFKA__FIELDS" and last.lower() in SampleFields.model_fields:
        assert f"`…__{last}`" in text or f"`{name}`" in text
    else:
        assert f"`{name}`" in text


def test_defaults_in_the_table_of_settings_are_the_real_ones() -> None:
    cells = dict(
        re.findall(r"^\| `(TIDEGAUGE_\w+)` \| ([^|]*?) ?\|", read("docs/operating.md"), re.M)
    )
    real = {
        name: default
        for name, default in settings_of(Settings).items()
        if isinstance(default, int | float) and default and name in cells
    }
    assert len(real) > 20
    assert {name: float(cells[name]) for name in real} == real


def test_no_document_names_a_setting_that_is_gone() -> None:
    groups = {"TIDEGAUGE_KAFKA", "TIDEGAUGE_KAFKA__FIELDS", "TIDEGAUGE_DELIVERY"}
    known = set(settings_of(Settings)) | groups
    for path in DOCS:
        named = re.findall(r"\bTIDEGAUGE_[A-Z_]*[A-Z]", path.read_text("utf-8"))
        assert not set(named) - known, path


@pytest.mark.parametrize(
    "part",
    [
        ClassificationTask,
        MultilabelTask,
        Label,
        LabelledText,
        Price,
        ChatAnnotator,
        CompletionAnnotator,
        RubricJudge,
        SecondViewJudge,
        Routing,
        Review,
        Ranking,
        Drift,
        Spend,
    ],
)
def test_every_field_of_a_task_file_is_explained(part: type[BaseModel]) -> None:
    text = read("docs/tasks.md")
    missing = [name for name in part.model_fields if not re.search(rf"`{name}[`:]", text)]
    assert not missing


def test_defaults_in_the_task_document_are_the_real_ones() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([\d.]+)`? \|", read("docs/tasks.md"), re.M))
    parts: tuple[type[BaseModel], ...] = (Routing, Review, Drift, ClassificationTask)
    real = {name: field.default for part in parts for name, field in part.model_fields.items()}
    assert rows.keys() >= {"budget", "audit", "baseline", "cache_seconds"}
    assert {name: float(value) for name, value in rows.items()} == {n: real[n] for n in rows}


def test_words_that_are_fixed_stand_in_the_glossary() -> None:
    text = read("docs/glossary.md")
    assert not [state for state in STATES if f"`{state}`" not in text]
    positions = [text.index(f"`{state}`") for state in STATES]
    assert positions == sorted(positions), "later beats earlier: the order is the meaning"
    assert set(STAGES) <= set(re.findall(r"[a-z]+", read("docs/architecture.md")))


def test_decisions_are_numbered_as_they_are_titled() -> None:
    for path in (ROOT / "docs/decisions").glob("*.md"):
        number = int(path.name.split("-")[0])
        assert path.read_text("utf-8").startswith(f"# {number}. "), path.name
