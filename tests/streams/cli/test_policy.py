"""What `tidegauge policy` refuses, and in which words; what it does is an integration test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.policy import Correction, Fitted, InForce, Platt, Policy
from models.record import Version
from models.rows import Row
from models.settings import ClickHouse, load_settings
from models.task import Task
from models.task_file import load_task
from streams.cli.main import app
from streams.store import policies
from streams.store.client import Store
from tests.data_rows import moment, outcome_row, result_row, sample_row
from tests.engine import clickhouse, filled
from tests.scripted_bench import CHAT_TASK, VIEW_TASK

pytestmark = pytest.mark.processes

pytest.importorskip("chdb")

RUN = CliRunner()
AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with clickhouse(tmp_path_factory.mktemp("engine")) as url:
        yield url


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    chat, view = tmp_path / "inbox.yaml", tmp_path / "sms.yaml"
    chat.write_text(CHAT_TASK, encoding="utf-8")
    view.write_text(VIEW_TASK, encoding="utf-8")
    monkeypatch.setenv("TIDEGAUGE_TASKS", f"{chat},{view}")
    return load_task(chat)


@pytest.fixture
def store(engine: str, task: Task, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", engine)
    made = filled(load_settings().clickhouse, [])
    yield made
    made.command("DROP DATABASE {name:Identifier}", {"name": ClickHouse().database})
    made.close()


def policy(*arguments: str) -> Result:
    return RUN.invoke(app, ["policy", *arguments])


def said(found: Result) -> str:
    assert "Traceback" not in found.output
    return " ".join(found.output.split())


def kept(store: Store, task: Task, number: int, made_for: Version | None = None) -> Policy:
    fitted = Fitted(
        n=312, right=280, worth=90, first=AT, last=AT, simulated=5, loss_before=0.5, loss_after=0.4
    )
    made = task.first_policy.model_copy(
        update={
            "number": number,
            "made_for": made_for or task.identity,
            "fitted_on": fitted,
            "corrections": (Correction(text="[red]give\x1b back", labels=("refund",)),),
            "note": "because",
        }
    )
    policies.save(store, made)
    return made


def test_too_few_decisions_are_refused_and_what_is_missing_is_said(
    store: Store, task: Task
) -> None:
    s = sample_row("s", moment(1), offset=1, task=task.name)
    drawn = {"lane": "uncertain", "draw": 0.0, "task_hash": task.identity.hash}
    r = result_row(s, "refund", **drawn)
    store.insert([s, r, outcome_row(r, "other", simulated=True)])
    found = policy("fit", "inbox")
    assert found.exit_code == 1
    assert "0 reviewed samples have a label and a raw score" in said(found)
    assert "needs 100, with 10 of each" in said(found)
    assert "1 more were decided by simulated reviewers; --simulation" in said(found)
    found = policy("fit", "inbox", "--simulation")
    assert "1 reviewed samples have a label and a raw score, 0 of them confirm" in said(found)
    assert policies.fitted(store, "inbox") == []


def test_a_fit_that_is_no_better_is_said_not_to_be_used(store: Store, task: Task) -> None:
    """Also where what is in force calibrates another score, so that the calibrator changes."""
    other = {"calibrates": "confidence", "calibrator": Platt(slope=3.0, shift=2.0)}
    before = task.first_policy.model_copy(update={"number": 2, **other})
    policies.note(store, InForce(task=task.identity, policy=before, at=AT))
    rows: list[Row] = []
    for number in range(150):  # the wrong ones in one fold: nothing it did not see is like it
        s = sample_row(f"s{number}", moment(number), offset=number, task=task.name)
        drawn = {"lane": "uncertain", "draw": 0.0, "task_hash": task.identity.hash}
        r = result_row(s, "refund", judge_score=0.8, **drawn)
        rows += [s, r, outcome_row(r, "refund" if number % 5 else "other")]
    store.insert(rows)
    found = policy("fit", "inbox", "--dry-run")
    assert found.exit_code == 0, found.output
    assert "no better, so it is not used" in said(found)
    assert "slope 1.000, shift +0.000" in said(found)


def test_a_calibrated_view_is_told_that_it_has_no_corrections(store: Store) -> None:
    assert "without corrections: the annotator 'first' is a view" in said(policy("fit", "sms"))
    found = policy("fit", "sms", "--corrections", "3")
    assert found.exit_code == 78
    assert "--corrections: the annotator 'first' is a view" in said(found)
    assert "without corrections" not in said(policy("fit", "sms", "--corrections", "0"))


def test_only_a_policy_of_this_version_can_be_used(store: Store, task: Task) -> None:
    kept(store, task, 2, Version(name="inbox/0", hash="older"))
    found = policy("use", "inbox", "9")
    assert (found.exit_code, "has no policy 9" in said(found)) == (78, True)
    found = policy("use", "inbox", "2")
    assert found.exit_code == 78
    assert f"was fitted for inbox/0@older, and the task is {task.identity} now" in said(found)
    assert "task 'post' is not served" in said(policy("use", "post", "1"))


def test_the_list_says_what_is_in_force_and_shows_hostile_text_as_text(
    store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    kept(store, task, 2, Version(name="inbox/0", hash="older"))
    third = kept(store, task, 3)
    policies.note(store, InForce(task=task.identity, policy=third, at=AT))
    found = said(policy("show", "inbox"))
    assert "inbox/1@" in found
    assert "of another version" in found
    assert "in force" in found
    assert "312 (simulated)" in found
    assert "0.5000 → 0.4000" in found
    assert "[red]give\\x1b back" in found
    assert "\x1b" not in found
    everything = said(policy("show"))
    assert "sms/1@" in everything
