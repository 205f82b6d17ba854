import json
from datetime import UTC, datetime

import pytest

from models.errors import InvalidRecord
from models.sample import Source
from models.settings import SampleFields
from streams.delivery.records import REPLAY_OF, Headers, Incoming
from streams.intake import REPLAYS, SampleForm, read_sample, replays, unreadable_key

AT = datetime(2026, 1, 2, tzinfo=UTC)


def record(value: bytes, headers: Headers = (), offset: int = 5, null: bool = False) -> Incoming:
    source = Source(topic="s", partition=1, offset=offset, at=AT)
    return Incoming(source, b"k", value, headers, null)


def test_a_plain_sample_gets_the_default_task() -> None:
    found = read_sample(record(b'{"id": "1", "text": "a"}'), SampleForm(SampleFields(), "demo"))
    assert found.sample.task == "demo"
    assert found.sample_key == found.sample.key()


def test_a_foreign_record_is_read_by_paths() -> None:
    value = json.dumps({"meta": {"uid": 9}, "body": [{"content": "hi"}], "lang": {"l": "en"}})
    fields = SampleFields(id="meta.uid", text="body.0.content", tags="lang")
    found = read_sample(record(value.encode()), SampleForm(fields, "demo"))
    assert (found.sample.id, found.sample.text, found.sample.tags) == ("9", "hi", {"l": "en"})


def test_a_missing_path_is_named() -> None:
    with pytest.raises(InvalidRecord, match="text: Field required"):
        read_sample(record(b'{"id": "1"}'), SampleForm(SampleFields(text="a.b"), "demo"))


def test_deep_nesting_is_refused_not_crashed() -> None:
    bomb = b"[" * 100_000
    for fields in (SampleFields(), SampleFields(text="a.b")):
        with pytest.raises(InvalidRecord):
            read_sample(record(bomb), SampleForm(fields, "demo"))


def test_a_null_value_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="null"):
        read_sample(record(b"", null=True), SampleForm(SampleFields(), "demo"))


def test_a_replayed_record_keeps_its_identity() -> None:
    headers = ((REPLAY_OF, b"a" * 32), (REPLAYS, b"2"))
    found = read_sample(
        record(b'{"id": "1", "text": "a"}', headers), SampleForm(SampleFields(), "demo")
    )
    assert found.sample_key == "a" * 32
    assert replays(record(b"", headers)) == 2


@pytest.mark.parametrize("value", [b"../../x", b"A" * 32, b"", b"a" * 33])
def test_a_forged_identity_is_ignored(value: bytes) -> None:
    found = read_sample(
        record(b'{"id": "1", "text": "a"}', ((REPLAY_OF, value),)), SampleForm(SampleFields(), "")
    )
    assert found.sample_key == found.sample.key()


def test_unreadable_records_are_told_apart_by_position() -> None:
    assert unreadable_key(record(b"x", offset=1)) != unreadable_key(record(b"x", offset=2))
    assert unreadable_key(record(b"x", offset=1)) == unreadable_key(record(b"y", offset=1))


def test_a_field_named_run_in_live_traffic_is_no_evaluation() -> None:
    form = SampleForm(SampleFields(), "t")
    live = read_sample(record(b'{"id": "1", "text": "a", "run": "job-7"}'), form)
    assert live.sample.run == ""
    value = b'{"id": "1", "text": "a", "run": "job-7", "provenance": "evaluation"}'
    assert read_sample(record(value), form).sample.run == "job-7"
