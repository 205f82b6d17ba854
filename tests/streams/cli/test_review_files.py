"""Review tasks to a file and answers from one, from the command line; and copies of the queue."""

import csv
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from models.settings import load_settings
from models.task_file import load_task
from streams.cli import desk_copies
from streams.cli.main import app
from streams.desk import queue
from streams.desk.queue import Arrival
from tests.desk_bench import NOON, TASK, review

RUN = CliRunner()


@pytest.fixture(autouse=True)
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three items wait in this deployment's queue."""
    path = tmp_path / "mail.yaml"
    path.write_text(TASK.replace("review:\n", ""), encoding="utf-8")
    monkeypatch.setenv("TIDEGAUGE_TASKS", str(path))
    task = load_task(path)
    desk = queue.open_desk(load_settings().desk_database, {task.name: task})
    queue.enqueue(desk, [Arrival(review(n, task), b"k", 0) for n in range(3)], {}, NOON)
    desk.close()


def reviews(*arguments: str) -> Result:
    return RUN.invoke(app, ["reviews", *arguments])


def test_out_filled_in_and_back(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    assert reviews("export", "mail", str(path)).output.startswith("3 items written")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= {"reviewer": "ann", "labels": "spam"}
    rows[1] |= {"reviewer": "ann", "labels": "egg"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = reviews("import", str(path))
    said = " ".join(found.output.split())
    assert found.exit_code == 0
    assert "1 answers taken, 0 known before, 1 without an answer, 1 not taken" in said
    assert "items.csv:3: unknown label 'egg'" in found.output
    assert "1 known before" in reviews("import", str(path)).output


def test_label_studio_gets_its_configuration_too(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    assert reviews("export", "mail", str(path), "--format", "label-studio").exit_code == 0
    assert '<Choice value="spam"' in path.with_suffix(".xml").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "mail", "items.json"), "give --format (label-studio, argilla, csv, parquet)"),
        (("export", "post", "items.csv"), "task 'post' is not served"),
        (("export", "mail", "items.csv", "--reviewed"), "no item of mail is reviewed"),
        (("export", "mail", "/nowhere/items.csv"), "cannot be written"),
        (("import", "items.csv"), "cannot be read"),
        (("import", "items.json", "--format", "argilla"), "cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_message(arguments: tuple[str, ...], said: str) -> None:
    found = reviews(*arguments)
    assert found.exit_code in (1, 78)
    assert said in " ".join(found.output.split())
    assert not Path("items.csv").exists()


def test_no_file_is_written_over_by_the_configuration(tmp_path: Path) -> None:
    export = ("export", "mail", "--format", "label-studio")
    same = tmp_path / "tasks.xml"
    found = reviews(*export, str(same))
    assert (found.exit_code, "name it .json" in found.output) == (78, True)
    assert not same.exists()
    same.write_text("mine")
    assert reviews(*export, str(tmp_path / "tasks.json")).exit_code == 78
    assert same.read_text() == "mine"
    assert not (tmp_path / "tasks.json").exists()


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("mine")
    assert reviews("export", "mail", str(path)).exit_code == 78
    assert path.read_text() == "mine"


def test_a_queue_is_copied_and_put_back(tmp_path: Path) -> None:
    copies = typer.Typer()
    copies.command()(desk_copies.backup)
    copies.command()(desk_copies.restore)
    path = tmp_path / "copy.sqlite"
    made = RUN.invoke(copies, ["backup", str(path)])
    assert made.output.startswith("3 items (3 waiting), 0 unpublished messages")
    put_back = RUN.invoke(copies, ["restore", str(path)])
    assert "the one before is kept as" in put_back.output
