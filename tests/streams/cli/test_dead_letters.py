import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from models.dead_letter import REPLAY_LIMIT
from models.errors import ConfigurationError
from streams.cli.dead_letters import again, chosen
from streams.cli.main import app
from streams.store.letters import StoredLetter

RUN = CliRunner()


def letter(letter_id: str = "ab12", **other: Any) -> StoredLetter:
    cells: dict[str, Any] = {
        "letter_id": letter_id,
        "sample_key": "5" * 32,
        "event_time": datetime(2025, 12, 24, 12, 0, 0, 250_000, tzinfo=UTC),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "stage": "annotate",
        "task": "t",
        "topic": "tidegauge.samples",
        "partition": 2,
        "offset": 7,
        "error": "InvalidRecord",
        "detail": "not JSON",
        "attempts": 1,
        "length": 3,
        "complete": True,
        "null": False,
        "replays": 0,
        "later": False,
        "key": base64.b64encode(b"k").decode(),
        "body": base64.b64encode(b"\xff\x00{").decode(),
    }
    return StoredLetter(**cells | other)


def test_a_letter_goes_back_byte_for_byte_with_its_identity_and_event_time() -> None:
    record = again(letter(replays=1))
    assert (record.topic, record.partition) == ("tidegauge.samples", 2)
    assert (record.key, record.value) == (b"k", b"\xff\x00{")
    assert dict(record.headers) == {
        "tidegauge-replay-of": b"5" * 32,
        "tidegauge-replays": b"2",
        "tidegauge-event-time": b"1766577600250",
    }


def test_a_null_stays_null_and_a_missing_key_missing() -> None:
    record = again(letter(null=True, body="", key=""))
    assert record.value is None
    assert record.key is None


def test_a_truncated_letter_and_a_tired_one_say_why_not() -> None:
    assert (
        "only the head of its 9,000,000 bytes" in letter(complete=False, length=9_000_000).obstacle
    )
    assert "the limit" in letter(replays=REPLAY_LIMIT).obstacle
    assert not letter(replays=REPLAY_LIMIT - 1).obstacle


def test_ids_may_be_shortened_while_they_fit_one() -> None:
    found = [letter("ab12"), letter("ab34"), letter("cd56")]
    assert [one.letter_id for one in chosen(found, ["cd", "ab3", "cd5"])] == ["cd56", "ab34"]
    with pytest.raises(ConfigurationError, match="fits 2 dead letters"):
        chosen(found, ["ab"])
    with pytest.raises(ConfigurationError, match="fits no dead letter"):
        chosen(found, ["zz"])


@pytest.mark.parametrize("arguments", [[], ["ab", "--all"]])
def test_replay_takes_ids_or_all(arguments: list[str]) -> None:
    said = RUN.invoke(app, ["dead-letters", "replay", *arguments])
    assert said.exit_code == 78
    assert "name the letters, or say --all" in said.stderr
