"""Gold from the command line, into the queue's own database."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.cli.main import app
from tests.desk_bench import TASK

RUN = CliRunner()

KNOWN = "an example of the task"


@pytest.fixture(autouse=True)
def task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mail.yaml"
    example = f"annotator: {{mode: chat, examples: [{{text: {KNOWN}, label: ham}}]}}\n"
    path.write_text(TASK.replace("review:\n", "") + example, encoding="utf-8")
    monkeypatch.setenv("TIDEGAUGE_TASKS", str(path))


def gold(*arguments: str) -> Result:
    return RUN.invoke(app, ["gold", *arguments])


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gold("list", "mail", "--json").output)
    return found


def test_added_once_listed_and_retired() -> None:
    assert "no gold" in gold("list").output
    for _ in range(2):
        made = gold("add", "mail", "You won!", "--label", "spam")
        assert made.exit_code == 0, made.output
    (item,) = listed()
    assert (item["text"], item["labels"]) == ("You won!", ["spam"])
    assert "You won!" in gold("list").output
    assert gold("retire", item["gold_id"][:6]).exit_code == 0
    assert listed()[0]["retired_at"]
    assert gold("retire", "zz").exit_code == 78


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "mail", "x"), "exactly one label"),
        (("add", "mail", "x", "--label", "egg"), "unknown label 'egg'"),
        (("add", "post", "x", "--label", "ham"), "task 'post' is not served; served: mail"),
        (("add", "mail", KNOWN, "--label", "ham"), "gold must be neither"),
        (("add", "mail", "", "--label", "ham"), "text"),
        (("import", "mail", "no.csv"), "no.csv: cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_message(arguments: tuple[str, ...], said: str) -> None:
    found = gold(*arguments)
    assert found.exit_code in (1, 78)
    assert said in " ".join(found.output.split())
    assert "Traceback" not in found.output


def test_a_file_is_taken_line_by_line_and_the_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text(
        f"text,label\nfree money,spam\nsee you,ham\nodd,egg\nnothing,\n{KNOWN},ham\n",
        encoding="utf-8",
    )
    found = gold("import", "mail", str(path))
    said = found.output.replace("\n", "")
    assert found.exit_code == 0
    assert "2 gold items are in the queue now; 3 bad lines skipped" in said
    for line, why in ((4, "unknown label"), (5, "has no label"), (6, "must be neither")):
        assert f"gold.csv:{line}: " in said
        assert why in said
    assert {item["text"] for item in listed()} == {"free money", "see you"}


def test_a_file_without_gold_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"text": "x", "label": "egg"}\nnot json\n', encoding="utf-8")
    found = gold("import", "mail", str(path))
    assert found.exit_code == 1
    assert "no gold was added" in found.output
