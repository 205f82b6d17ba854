"""Accounts made and revoked beside a desk, and simulated ones."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import TidegaugeError
from models.settings import Settings, load_settings
from streams.cli.main import app
from streams.cli.reviewers import queue_here
from streams.cli.simulating import largest, signed_up
from streams.desk import queue
from streams.desk.errors import Conflict
from tests.desk_bench import NOON, TASK, task_of


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    file = tmp_path / "mail.yaml"
    file.write_text(TASK + "  reviewers: 3\n  pools: {german: {lang: [de]}}\n")
    monkeypatch.setenv("TIDEGAUGE_TASKS", str(file))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "instance").mkdir()
    return load_settings()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["reviewers", *words])


def account_of(settings: Settings, token: str) -> str | None:
    with queue_here(settings) as desk:
        found = queue.account_of(desk, token)
        return found.name if found else None


def test_a_token_is_printed_once_and_works_until_it_is_revoked(settings: Settings) -> None:
    made = run("add", "ann", "--role", "senior", "--pool", "german")
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert account_of(settings, token) == "ann"
    listed = run("list")
    assert token not in listed.stdout + listed.stderr
    assert "senior" in listed.stdout
    [account] = json.loads(run("list", "--json").stdout)
    assert (account["name"], account["pools"]) == ("ann", ["german"])
    assert run("revoke", "ann").exit_code == 0
    assert account_of(settings, token) is None
    assert "revoked" in run("list").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "two words"), "NAME: 'two words'"),
        (("add", "-x"), "No such option"),
        (("add", "ann", "--pool", "Not A Pool"), "--pool: 'Not A Pool'"),
        (("add", "ann", "--role", "king"), "king"),
        (("revoke", "nobody"), "nobody"),
    ],
)
def test_a_mistake_is_named(settings: Settings, words: tuple[str, ...], message: str) -> None:
    said = run(*words)
    assert said.exit_code != 0
    assert message in said.stderr
    assert "Traceback" not in said.stderr


def test_a_name_is_given_once(settings: Settings) -> None:
    assert run("add", "ann").exit_code == 0
    assert run("add", "ann").exit_code == 1


def test_a_pool_no_task_has_is_pointed_out(settings: Settings) -> None:
    assert "no task served here has a pool 'french'" in run("add", "bo", "--pool", "french").stderr


def test_as_many_simulated_reviewers_as_the_tasks_ask_for(settings: Settings) -> None:
    tokens = signed_up(settings, 0)
    names = [account_of(settings, token) for token in tokens]
    assert names == ["simulated-1", "simulated-2", "simulated-3"]
    again = signed_up(settings, 2)
    assert [account_of(settings, token) for token in again] == names[:2]
    assert account_of(settings, tokens[0]) is None
    with queue_here(settings) as desk:
        accounts = queue.list_accounts(desk)
    assert all(each.simulated and each.pools == ("german",) for each in accounts)
    assert largest([task_of(reviewers=2), task_of(reviewers=5)]) == 5


def test_a_persons_name_is_not_taken_over(settings: Settings) -> None:
    assert run("add", "simulated-1").exit_code == 0
    with pytest.raises(Conflict):
        signed_up(settings, 1)


def test_a_database_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for url in ("nonsense", "mysql://x", f"sqlite:///{tmp_path}"):
        monkeypatch.setenv("TIDEGAUGE_DESK__DATABASE", url)
        said = run("list")
        assert said.exit_code in (69, 78), (url, said.stderr)
        assert "Traceback" not in said.stderr
    with pytest.raises(TidegaugeError), queue_here(load_settings()):
        pytest.fail(str(NOON))
