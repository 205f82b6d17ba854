import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError
from models.sample import Sample
from models.settings import SampleFields
from streams.cli.traffic import (
    Bad,
    Columns,
    Format,
    Good,
    Reading,
    Stamp,
    file_seed,
    format_of,
    read_lines,
)
from streams.delivery.records import Incoming
from streams.intake import SampleForm, read_sample
from streams.wire import as_record

PLAIN = Reading(seed="s")


def samples(lines: list[bytes], how: Reading = PLAIN, kind: Format = "jsonl") -> list[Sample]:
    return [line.sample for line in read_lines(lines, kind, how) if isinstance(line, Good)]


def test_a_plain_line_is_a_sample() -> None:
    [sample] = samples([b'{"id": 7, "text": "hello", "reference": "spam", "tags": {"a": "b"}}'])
    assert (sample.id, sample.text, sample.reference) == ("7", "hello", ("spam",))
    assert sample.tags == {"a": "b"}


def test_fields_are_mapped_by_path() -> None:
    how = Reading(Columns(text="body.plain", id="key", reference="truth", tags=("land",)))
    line = {"key": "k", "body": {"plain": "hi"}, "truth": ["b", "a"], "land": "nl", "id": "no"}
    [sample] = samples([json.dumps(line).encode()], how)
    assert sample.id == "k"
    assert sample.text == "hi"
    assert sample.reference == ("b", "a")
    assert sample.tags == {"land": "nl"}


def test_the_stamp_is_on_every_sample() -> None:
    how = Reading(stamp=Stamp("topic", "evaluation", "r1"), seed="s")
    [sample] = samples([b'{"text": "hi", "task": "other", "run": "forged"}'], how)
    assert (sample.task, sample.provenance, sample.run) == ("topic", "evaluation", "r1")


def test_a_missing_id_is_made_the_same_way_each_time() -> None:
    lines = [b'{"text": "same"}', b'{"text": "same"}']
    first, again = samples(lines), samples(lines)
    assert [s.id for s in first] == [s.id for s in again] == ["s-1", "s-2"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nonsense", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"txt": "x"}', "no field 'text'; it has txt"),
        (b'{"text": ""}', "text"),
        (b'{"text": 5}', "text"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b'{"text": "\\ud800"}', "text"),
        (b"[" * 100_000, "nested"),
        (b'{"text": "' + b"x" * 300_000 + b'"}', "at most"),
    ],
)
def test_a_bad_line_is_named_and_the_next_is_read(line: bytes, why: str) -> None:
    found = list(read_lines([b'{"text": "a"}', line, b'{"text": "b"}'], "jsonl", Reading(seed="s")))
    assert [type(one) for one in found] == [Good, Bad, Good]
    bad = found[1]
    assert isinstance(bad, Bad)
    assert bad.number == 2
    assert why in bad.why


def test_blank_lines_count_as_lines_and_as_nothing_else() -> None:
    found = list(read_lines([b"\n", b'{"text": "a"}\n', b"  \n"], "jsonl", Reading(seed="s")))
    assert [one.number for one in found] == [2]


def test_csv_with_a_byte_order_mark_quotes_and_line_breaks() -> None:
    content = '\ufeffid,text,label\n1,"a, ""b""\nc",ham\n2,x,\n'.encode()
    how = Reading(Columns(reference="label"))
    first, second = samples(content.splitlines(keepends=True), how, "csv")
    assert first.text == 'a, "b"\nc'
    assert first.reference == ("ham",)
    assert second.reference is None


def test_a_csv_row_of_another_width_is_bad() -> None:
    found = list(read_lines([b"id,text\n", b"1,a,b\n", b"2,c\n"], "csv", Reading()))
    assert isinstance(found[0], Bad)
    assert found[0].number == 2
    assert isinstance(found[1], Good)


def test_tabs_separate_tsv() -> None:
    assert samples([b"id\ttext\n", b"1\ta,b\n"], Reading(), "tsv")[0].text == "a,b"


def test_an_empty_csv_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        list(read_lines([], "csv", Reading()))


def test_bytes_that_are_not_utf8_make_a_bad_csv_row() -> None:
    found = list(read_lines([b"id,text\n", b"1,\xff\n"], "csv", Reading()))
    assert isinstance(found[0], Bad)


@given(st.lists(st.binary(max_size=60)), st.sampled_from(["jsonl", "csv", "tsv"]))
def test_no_line_can_stop_the_reading(lines: list[bytes], kind: Format) -> None:
    clean = [line.replace(b"\n", b" ") + b"\n" for line in lines]
    head = [] if kind == "jsonl" else [b"id,text\n" if kind == "csv" else b"id\ttext\n"]
    for found in read_lines(head + clean, kind, Reading(seed="s")):
        assert isinstance(found, Good | Bad)


@given(
    st.builds(
        Sample,
        id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
        text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
        task=st.sampled_from(["", "t"]),
        tags=st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=5),
            st.text(st.characters(codec="utf-8"), max_size=5),
            max_size=3,
        ),
        reference=st.none() | st.tuples(st.sampled_from(["a", "b"])),
    ),
    st.sampled_from([SampleFields(), SampleFields(text="payload.messages.0.text", id="meta.id")]),
    st.sampled_from([{}, {"run": "r", "provenance": "evaluation"}]),
)
def test_what_is_sent_is_what_the_stages_read(
    plain: Sample, fields: SampleFields, run: dict[str, str]
) -> None:
    sample = plain.model_copy(update=run)
    record = Incoming(source=None, key=None, value=as_record(sample, fields))  # type: ignore[arg-type]
    assert read_sample(record, SampleForm(fields, "")).sample == sample


def test_the_seed_follows_the_content(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x\xff")
    two.write_bytes(b"x\xff")
    assert file_seed(one) == file_seed(two)
    two.write_bytes(b"y")
    assert file_seed(one) != file_seed(two)


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        file_seed(tmp_path / "none")


def test_formats_by_name() -> None:
    assert [format_of(Path(n)) for n in ("a.tsv", "a.jsonl", "-")] == ["tsv", "jsonl", "jsonl"]
