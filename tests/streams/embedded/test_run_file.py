import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError
from models.settings import RUN_FILE, Settings, load_settings
from models.task_file import parse_task
from streams.embedded.run_file import (
    Addresses,
    environment,
    forget_dead_instance,
    is_alive,
    load_by_path,
    next_incarnation,
    owned,
    write_run_file,
)

TASK = "name: {}\nkind: classification\ninstructions: x\nlabels: [{{name: a}}, {{name: b}}]\n"
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with (
        owned(tmp_path),
        pytest.raises(ConfigurationError, match="already running"),
        owned(tmp_path),
    ):
        pytest.fail("two owners")
    with owned(tmp_path):
        pass


def test_the_refusal_says_who_runs_and_where_its_pages_are(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with owned(tmp_path):
        write_run_file(settings, Addresses("k:1", "c", "m", dashboard="http://d"), {})
        with (
            pytest.raises(ConfigurationError, match=f"process {os.getpid()}.*http://d"),
            owned(tmp_path),
        ):
            pytest.fail("two owners")


def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"), owned(tmp_path / "file" / "x"):
        pytest.fail("owned")


def test_other_commands_find_a_running_instance_and_no_secret(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "data": tmp_path,
            "kafka": {"bootstrap": "127.0.0.1:7", "broker": "embedded", "incarnation": 5},
            "clickhouse": {"url": "http://127.0.0.1:8", "password": "hush"},
            "model": {"api_key": "hush"},
            "endpoints": {"big": {"api_key": "hush"}},
            "desk": {
                "url": "http://127.0.0.1:9",
                "database": "postgresql+psycopg://ann:hush@db/queue",
            },
        }
    )
    task = parse_task(TASK.format("t"), "t.yaml")
    content = write_run_file(settings, Addresses("k", "c", "m"), {Path("/t.yaml"): task})
    text = (tmp_path / RUN_FILE).read_text()
    assert json.loads(text) == content
    assert "hush" not in text
    assert content["tasks"]["t"]["hash"] == task.identity.hash
    found = load_settings(data=tmp_path)
    assert found.kafka == settings.kafka
    assert found.clickhouse.url == "http://127.0.0.1:8"
    assert found.desk_url == "http://127.0.0.1:9"
    assert found.desk_database == "postgresql+psycopg://ann@db/queue"


@given(WORDS, WORDS, st.integers(1, 1000), st.floats(1, 15), st.booleans())
def test_children_get_the_very_same_settings(
    prefix: str, secret: str, partitions: int, seconds: float, foreign: bool
) -> None:
    settings = Settings.model_validate(
        {
            "tasks": ["/a b/one.yaml", "/two.yaml"],
            "kafka": {
                "prefix": prefix,
                "partitions": partitions,
                "samples_topic": "theirs" if foreign else None,
                "fields": {"text": "payload.text"},
            },
            "clickhouse": {"password": secret},
            "endpoints": {"big": {"api_key": secret, "timeout_seconds": seconds}},
            "slot": "3",
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(settings).items():
            patch.setenv(name, value)
        assert Settings() == settings


def test_what_a_dead_instance_left_is_forgotten(tmp_path: Path) -> None:
    write_run_file(Settings(data=tmp_path), Addresses("k", "c", "m"), {})
    assert not forget_dead_instance(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    assert not is_alive(gone.pid)
    content = json.loads((tmp_path / RUN_FILE).read_text()) | {"pid": gone.pid}
    (tmp_path / RUN_FILE).write_text(json.dumps(content))
    assert forget_dead_instance(tmp_path)
    assert not (tmp_path / RUN_FILE).exists()


def test_incarnations_only_grow(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = [next_incarnation(tmp_path, now - timedelta(days=day)) for day in range(3)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    assert next_incarnation(tmp_path, now + timedelta(days=1)) == numbers[0] + 86_400


def test_two_files_may_not_claim_one_task(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(TASK.format("t"))
    two.write_text(TASK.format("t"))
    assert list(load_by_path((one,))) == [one]
    with pytest.raises(ConfigurationError, match=r"two\.yaml: name: another file"):
        load_by_path((one, two))
