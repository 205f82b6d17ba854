import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.sample import TAG_LIMIT, TEXT_LIMIT, Sample

texts = st.text(min_size=1, max_size=200)


@given(id=texts, text=texts, run=st.sampled_from(["", "r1"]), task=st.sampled_from(["", "t"]))
def test_key_is_stable_over_the_wire(id: str, text: str, run: str, task: str) -> None:
    sample = Sample(id=id, text=text, run=run, task=task)
    again = Sample.model_validate_json(sample.encode())
    assert again.key() == sample.key()


@given(st.lists(st.tuples(texts, texts, texts), min_size=2, max_size=5, unique=True))
def test_different_content_has_different_keys(parts: list[tuple[str, str, str]]) -> None:
    keys = {Sample(id=i, text=t, context=c).key() for i, t, c in parts}
    assert len(keys) == len(parts)


def test_parts_cannot_run_into_each_other() -> None:
    assert Sample(id="a", text="bc").key() != Sample(id="ab", text="c").key()


def test_tags_are_bounded_and_plain() -> None:
    tags = {f"t{n:05}": "v" * 10_000 for n in range(10_000)} | {"nested": {"a": 1}}
    sample = Sample.model_validate({"id": "1", "text": "x", "tags": tags})
    assert len(sample.tags) == TAG_LIMIT
    assert all(len(value) <= 200 for value in sample.tags.values())


def test_text_limit_is_in_bytes() -> None:
    Sample(id="1", text="é" * (TEXT_LIMIT // 2))
    with pytest.raises(ValidationError, match="at most 262,144"):
        Sample(id="1", text="é" * (TEXT_LIMIT // 2 + 1))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"id": "1"}',
        b'{"id": null, "text": "a"}',
        b'{"id": "1", "text": 5}',
        b'{"id": "1", "text": ""}',
        b'{"id": "1", "text": "a", "tags": "x"}',
        b'{"id": "1", "text": "a", "provenance": "mine"}',
        b'{"id": "1", "text": "\\ud800"}',
        b"\xff\xfe",
    ],
)
def test_rubbish_is_refused(value: bytes) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate_json(value)


def test_unknown_fields_are_tolerated() -> None:
    raw = json.dumps({"id": 3, "text": "a", "schema_version": 9, "new": {"deep": 1}})
    assert Sample.model_validate_json(raw).id == "3"
