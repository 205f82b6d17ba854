import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidRecord
from models.rows import (
    AlarmRow,
    DeadLetterRow,
    DecisionRow,
    OutcomeRow,
    ResultRow,
    ReviewRow,
    SampleRow,
)
from models.sample import Sample
from models.settings import SampleFields
from streams.delivery.records import REPLAY_OF, Headers, Incoming
from streams.intake import SampleForm
from streams.store.columns import cells
from streams.store.writer import (
    STORED_TOPICS,
    Entry,
    StoredTopic,
    claimed_identity,
    entry_of,
    letter_of,
)
from tests import data_records as data
from tests.data_records import FORM, TOPICS

STORED_AT = datetime(2026, 11, 2, tzinfo=UTC)


def sample_row(value: bytes, headers: Headers = (), form: SampleForm = FORM) -> SampleRow:
    entry = entry_of(
        "samples", data.record(TOPICS.samples, 7, value, headers=headers), form, STORED_AT
    )
    assert isinstance(entry.row, SampleRow)
    assert entry.key == entry.row.sample_key
    return entry.row


def entry(topic: StoredTopic, record: Incoming) -> Entry:
    return entry_of(topic, record, FORM, STORED_AT)


def test_a_sample() -> None:
    content = {
        "id": 9,
        "text": "hi",
        "context": "before",
        "tags": {"lang": "de"},
        "reference": "scam",
        "created_at": "2026-10-31T08:00:00",
        "run": "r1",
        "provenance": "evaluation",
    }
    row = sample_row(json.dumps(content).encode())
    expected = Sample(id="9", text="hi", context="before", run="r1", task="messages")
    assert (row.sample_key, row.readable) == (expected.key(), True)
    assert (row.run, row.task, row.provenance) == ("r1", "messages", "evaluation")
    assert (row.context, row.response, row.tags) == ("before", "", {"lang": "de"})
    assert (row.reference, row.id, row.text) == (("scam",), "9", "hi")
    assert (row.topic, row.offset, row.stored_at) == (TOPICS.samples, 7, STORED_AT)
    assert row.event_time == data.source(7).at


@given(st.binary(max_size=200))
def test_whatever_comes_in_on_samples_is_one_sample(value: bytes) -> None:
    row = sample_row(value)
    assert cells([row])
    if not row.readable:
        assert row.sample_key == data.source(7).key()
        assert (row.run, row.task, row.id) == ("", "", "")


def test_bytes_that_are_no_text_are_kept_visibly() -> None:
    assert sample_row(b'{"id": \xff').text == '{"id": \\xff'


def test_halves_of_characters_never_reach_the_store() -> None:
    fields = SampleFields(text="body")
    value = b'{"id": "1", "body": "\\ud800", "tags": {"a": "\\udfff"}}'
    row = sample_row(value, form=SampleForm(fields, ""))
    assert not row.readable
    row.text.encode()


def test_a_replayed_record_keeps_its_identity() -> None:
    first = "0" * 32
    headers = ((REPLAY_OF, first.encode()),)
    assert sample_row(b"{", headers).sample_key == first
    assert sample_row(b'{"id": "1", "text": "mended"}', headers).sample_key == first


def test_a_result() -> None:
    made = entry("results", data.record(TOPICS.results, 40, data.result(3)))
    row = made.row
    assert isinstance(row, ResultRow)
    assert made.key == row.sample_key == data.sample(3).key()
    assert row.event_time == data.source(3).at, "carried from the sample"
    assert (row.offset, row.partition) == (40, 0), "its own position"
    assert (row.task, row.task_version, row.task_hash) == ("messages", "messages/1", "a1b2c3d4e5f6")
    assert (row.label, row.labels, row.confidence) == ("scam", ("scam",), 0.75)
    assert (row.annotation_price_usd, row.annotation_input_tokens) == (0.0001, 120)
    assert (row.judge_score, row.judge_label, row.verdict_calls) == (0.5, "", 2)
    assert (row.criteria, row.criterion_versions) == (("label_fits",), ("ba9876543210",))
    assert (row.criterion_scores, row.criterion_reasons) == ((0.75,), ("fits",))
    assert (row.verdict_price_usd, row.verdict_input_tokens) == (None, None), "unknown, not zero"
    assert (row.lane, row.propensity, row.draw, row.audit) == ("uncertain", 0.5, 0.25, True)


def test_what_a_result_lacks_is_not_invented() -> None:
    row = entry("results", data.record(TOPICS.results, 1, data.unlabelled(1))).row
    assert isinstance(row, ResultRow)
    assert (row.annotation_missing, row.verdict_missing) == ("over_budget", "not_annotated")
    nothing: dict[str, object] = {
        "annotation_id": "",
        "label": "",
        "labels": (),
        "scores": {},
        "confidence": None,
        "annotation_price_usd": None,
        "annotation_latency_ms": None,
        "annotation_calls": 0,
        "judge": "",
        "judge_score": None,
        "criteria": (),
        "propensity": None,
        "p_correct": None,
        "lane": "",
    }
    assert {name: getattr(row, name) for name in nothing} == nothing


def test_no_label_is_a_label_set_too() -> None:
    found = data.result(1, annotation=data.annotation(1, labels=()))
    row = entry("results", data.record(TOPICS.results, 1, found)).row
    assert isinstance(row, ResultRow)
    assert (row.label, row.labels) == ("(none)", ())


def test_a_review_and_its_decision() -> None:
    asked = entry("reviews", data.record(TOPICS.reviews, 5, data.review(3)))
    answered = entry("decisions", data.record(TOPICS.decisions, 6, data.decision(3)))
    assert isinstance(asked.row, ReviewRow)
    assert isinstance(answered.row, DecisionRow)
    assert asked.row.task == answered.row.task == "messages"
    assert asked.row.result_id == answered.row.result_id == asked.key
    assert asked.row.event_time == answered.row.event_time == data.source(3).at
    assert (answered.row.label, answered.row.labels) == ("personal", ("personal",))


def test_an_ambiguous_answer_has_no_label() -> None:
    answer = data.decision(3, answer="ambiguous", labels=())
    row = entry("decisions", data.record(TOPICS.decisions, 6, answer)).row
    assert isinstance(row, DecisionRow)
    assert (row.label, row.answer) == ("", "ambiguous")


def test_a_decision_from_before_there_were_kinds_is_a_review() -> None:
    said = json.loads(data.decision(3).encode())
    new = {"kind", "role", "against", "seconds", "suggestion_shown", "bulk"}
    old = json.dumps({name: part for name, part in said.items() if name not in new}).encode()
    row = entry("decisions", data.record(TOPICS.decisions, 6, old)).row
    assert isinstance(row, DecisionRow)
    assert (row.role, row.measured, row.seconds, row.bulk) == ("review", False, None, False)


def test_what_an_answer_is_measured_by() -> None:
    def against(known: tuple[str, ...] | None) -> tuple[bool, tuple[str, ...]]:
        answer = data.decision(3, role="gold", against=known, seconds=4.5, bulk=True)
        row = entry("decisions", data.record(TOPICS.decisions, 6, answer)).row
        assert isinstance(row, DecisionRow)
        assert (row.role, row.seconds, row.bulk) == ("gold", 4.5, True)
        assert row.sample_key == "", "a gold item is no sample"
        return row.measured, row.against

    assert against(("scam",)) == (True, ("scam",))
    assert against(()) == (True, ()), "that no label applies is known, too"
    assert against(None) == (False, ())


def test_an_outcome() -> None:
    made = entry("decisions", data.record(TOPICS.decisions, 8, data.outcome(3, answers=2)))
    row = made.row
    assert isinstance(row, OutcomeRow)
    assert (made.kind, made.key) == ("outcomes", data.result(3).result_id)
    assert (row.state, row.label, row.labels) == ("reviewed", "personal", ("personal",))
    assert (row.answers, row.agreed, row.adjudicated) == (2, True, False)
    assert (row.task, row.event_time) == ("messages", data.source(3).at)


@pytest.mark.parametrize(
    "changes",
    [{"ambiguous": True, "labels": ()}, {"state": "expired"}, {"state": "cancelled"}],
)
def test_only_what_people_agreed_on_is_a_label(changes: dict[str, object]) -> None:
    row = entry("decisions", data.record(TOPICS.decisions, 8, data.outcome(3, **changes))).row
    assert isinstance(row, OutcomeRow)
    assert (row.label, row.labels) == ("", ())


def test_each_state_of_an_alarm_is_a_record_of_its_own() -> None:
    states = ("open", "acknowledged", "closed")
    entries = [
        entry("alarms", data.record(TOPICS.alarms, number, data.alarm(1, state)))
        for number, state in enumerate(states)
    ]
    assert len({made.key for made in entries}) == 3
    row = entries[0].row
    assert isinstance(row, AlarmRow)
    assert json.loads(row.before)["n"] == 150


def test_a_dead_letter_keeps_its_bytes_and_the_place_they_came_from() -> None:
    made = entry("dead_letters", data.letter(7, 90, b"\xff\x00"))
    row = made.row
    assert isinstance(row, DeadLetterRow)
    assert base64.b64decode(row.body) == b"\xff\x00"
    assert base64.b64decode(row.key) == b"key"
    assert (row.topic, row.offset) == (TOPICS.samples, 7)
    assert row.event_time == data.source(7).at
    assert row.complete


FOREIGN = (b"", b"{}", b"\xff", b"[1]", b'{"schema_version": 99}', b'{"kind": "outcome"}')


@pytest.mark.parametrize("topic", [topic for topic in STORED_TOPICS if topic != "samples"])
@pytest.mark.parametrize("value", FOREIGN)
def test_foreign_records_are_refused_by_name(topic: StoredTopic, value: bytes) -> None:
    with pytest.raises(InvalidRecord, match=f"no record of {topic}"):
        entry(topic, data.record(getattr(TOPICS, topic), 1, value))


def test_a_third_kind_on_decisions_is_refused() -> None:
    said = json.loads(data.decision(3).encode()) | {"kind": "rumour"}
    record = data.record(TOPICS.decisions, 1, json.dumps(said).encode())
    with pytest.raises(InvalidRecord, match="no record of decisions: kind"):
        entry("decisions", record)


def test_the_sinks_letter_says_what_it_could_make_out() -> None:
    known = {"sample_key": "a" * 32, "sample": {"task": "messages", "run": "\ud800"}}
    foreign = data.record(TOPICS.results, 4, json.dumps(known).encode())
    row = letter_of(foreign, claimed_identity(foreign), InvalidRecord("newer"), STORED_AT)
    assert (row.stage, row.sample_key, row.task) == ("sink", "a" * 32, "messages")
    assert (row.topic, row.offset, row.detail) == (TOPICS.results, 4, "newer")
    assert cells([row])
    row.run.encode()


@pytest.mark.parametrize("value", [b"", b"[" * 5000, b'{"sample_key": 7}', b'{"sample_key": "x"}'])
def test_a_record_of_no_sample_is_nobodys_state(value: bytes) -> None:
    assert claimed_identity(data.record(TOPICS.results, 4, value)).sample_key == ""


def test_a_huge_foreign_record_is_cut() -> None:
    big = data.record(TOPICS.results, 4, b"x" * 900_000)
    row = letter_of(big, claimed_identity(big), InvalidRecord("no"), STORED_AT)
    assert (row.length, row.complete, len(base64.b64decode(row.body))) == (900_000, False, 65_536)
