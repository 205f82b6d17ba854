import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.rows import DeadLetterRow, SampleRow
from models.settings import SampleFields, Settings
from streams.delivery.records import Incoming
from streams.embedded.lost import bury_lost, lost_letter
from streams.intake import SampleForm, read_sample
from streams.store.client import Store
from streams.store.contents import missing_tables, rows_per_table, server_version
from streams.store.figures.ledger import ledger
from streams.store.figures.scope import Scope
from streams.store.letters import letters, replayable
from streams.store.unfinished import unfinished

pytestmark = pytest.mark.processes
AT = datetime(2026, 1, 1, tzinfo=UTC)


def dead(letter_id: str, sample_key: str, **other: Any) -> DeadLetterRow:
    cells: dict[str, Any] = {
        "run": "", "task": "t", "sample_key": sample_key, "event_time": AT,
        "letter_id": letter_id, "stage": "annotate", "topic": "tidegauge.samples", "partition": 1,
        "offset": 2, "incarnation": 0, "error": "InvalidRecord", "detail": "x", "attempts": 1,
        "replays": 0, "length": 1, "sha256": "", "complete": True, "null": False, "key": "",
        "body": base64.b64encode(b"x").decode(), "at": AT, "stored_at": AT, "precedence": 1,
    }  # fmt: skip
    return DeadLetterRow(**cells | other)


def sample(key: str, incarnation: int, **other: Any) -> SampleRow:
    cells: dict[str, Any] = {
        "run": "", "task": "t", "sample_key": key, "event_time": AT, "id": f"id-{key}",
        "text": "hello\n☃", "context": "", "response": "r", "tags": {"a": "b"},
        "provenance": "live", "reference": ("ham",), "created_at": None, "readable": True,
        "incarnation": incarnation, "topic": "tidegauge.samples", "partition": 3,
        "offset": int(key[0]),
        "stored_at": AT, "precedence": 1,
    }  # fmt: skip
    return SampleRow(**cells | other)


def test_letters_are_found_by_their_first_digits(store: Store) -> None:
    store.insert([dead("ab12", "s1"), dead("ab34", "s2"), dead("cd56", "s3")])
    assert [one.letter_id for one in letters(store, ["ab", "cd5"])] == ["ab12", "ab34", "cd56"]
    assert letters(store, ["zz"]) == []


def test_a_letter_knows_when_its_sample_came(store: Store) -> None:
    store.insert([dead("ab12", "s1", at=AT + timedelta(days=3))])
    [found] = letters(store, ["ab12"])
    assert (found.event_time, found.at) == (AT, AT + timedelta(days=3))


def test_a_sample_counts_its_replays_over_all_its_letters(store: Store) -> None:
    store.insert([dead("ab12", "s1"), dead("ab34", "s1", replays=3, at=AT + timedelta(seconds=1))])
    assert [one.replays for one in letters(store, ["ab"])] == [3, 3]
    assert replayable(store) == []


def test_all_means_the_newest_letter_of_each_sample_that_still_waits(store: Store) -> None:
    later = AT + timedelta(seconds=1)
    store.insert(
        [
            dead("a1", "s1"),
            dead("a2", "s1", replays=1, at=later),
            dead("b1", "s2", complete=False),
            dead("c1", ""),
            dead("c2", "", at=later),
        ]
    )
    assert [one.letter_id for one in replayable(store)] == ["c1", "a2", "c2"]


def test_samples_of_a_broker_that_is_gone_become_letters_that_rebuild_them(store: Store) -> None:
    settings = Settings.model_validate({"kafka": {"incarnation": 9}})
    kept = sample("4" * 32, incarnation=0)
    running = sample("5" * 32, incarnation=9)
    lost = sample("6" * 32, incarnation=8)
    noise = sample("7" * 32, incarnation=8, readable=False)
    done = sample("8" * 32, incarnation=8)
    store.insert([kept, running, lost, noise, done, dead("d1", done.sample_key)])
    assert [row["sample_key"][0] for row in unfinished(store, 9)] == ["6", "7"]
    assert bury_lost(store, settings, AT) == 2
    assert unfinished(store, 9) == []
    assert bury_lost(store, settings, AT) == 0
    books = ledger(store, Scope(AT - timedelta(days=1), AT + timedelta(days=1), task="t"))
    assert books.states["dead_lettered"] == 3
    assert books.in_flight == 2
    waiting = {one.sample_key for one in replayable(store)}
    assert lost.sample_key in waiting
    assert noise.sample_key not in waiting


@pytest.mark.parametrize("fields", [SampleFields(), SampleFields(text="p.text", id="p.id")])
def test_a_lost_sample_is_rebuilt_as_the_stages_read_it(fields: SampleFields) -> None:
    row = lost_letter(sample("6" * 32, 8).model_dump(), fields, AT)
    record = Incoming(source=None, key=None, value=base64.b64decode(row.body))  # type: ignore[arg-type]
    found = read_sample(record, SampleForm(fields, "")).sample
    assert (found.id, found.text, found.response) == ("id-" + "6" * 32, "hello\n☃", "r")
    assert (found.tags, found.reference, found.task) == ({"a": "b"}, ("ham",), "t")
    assert found.context is None


def test_the_stores_contents(store: Store, empty_store: Store) -> None:
    assert server_version(store)
    assert missing_tables(store) == []
    store.insert([dead("a1", "s1"), dead("a1", "s1")])
    assert rows_per_table(store)["dead_letters"] == 1


def test_missing_tables_are_named(empty_store: Store) -> None:
    empty_store.create_database()
    assert "samples" in missing_tables(empty_store)
