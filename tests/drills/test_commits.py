"""Commits are read from Kafka's bytes, and those that pass unfinished records are found."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drills.commits import Commit, commit_of, too_early

PLACE = ("p.annotate", "p.samples", 2)


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()


def _key(version: int = 1) -> bytes:
    group, topic, partition = PLACE
    return struct.pack(">h", version) + _text(group) + _text(topic) + struct.pack(">i", partition)


def _value(version: int, offset: int, at: int, metadata: str = "") -> bytes:
    head = struct.pack(">hq", version, offset)
    if version >= 3:
        head += struct.pack(">i", -1)
    if version >= 4:
        length, encoded = len(metadata) + 1, b""
        while length >= 0x80:
            encoded += bytes([length & 0x7F | 0x80])
            length >>= 7
        return head + encoded + bytes([length]) + metadata.encode() + struct.pack(">qB", at, 0)
    return head + _text(metadata) + struct.pack(">q", at) + b"\0" * 8 * (version == 1)


@given(
    version=st.integers(0, 4),
    offset=st.integers(0, 2**62),
    at=st.integers(0, 2**62),
    metadata=st.text(st.characters(max_codepoint=127), max_size=300),
)
def test_every_version_of_the_format_is_read(
    version: int, offset: int, at: int, metadata: str
) -> None:
    found = commit_of(_key(), _value(version, offset, at, metadata))
    assert found == Commit(*PLACE, offset, at)


def test_other_records_are_no_commits_and_unknown_versions_are_refused() -> None:
    assert commit_of(_key(2), _value(3, 1, 1)) is None
    assert commit_of(_key(), None) is None
    with pytest.raises(ValueError, match="version 5"):
        commit_of(_key(), _value(5, 1, 1))


@pytest.mark.parametrize(
    ("done", "passed"),
    [
        ({0: 10, 1: 20, 2: 30}, []),
        ({0: 10, 1: 31, 2: 30}, [1]),
        ({0: 10, 2: 30}, [1]),
        ({0: 10, 1: 20}, [2]),
        ({}, [0, 1, 2]),
    ],
)
def test_a_commit_may_pass_only_what_was_done_by_then(
    done: dict[int, float], passed: list[int]
) -> None:
    commit = Commit(*PLACE, offset=3, at=30)
    assert too_early([commit], {PLACE: done}) == ([(commit, passed)] if passed else [])


def test_a_later_commit_is_judged_by_its_own_moment() -> None:
    early, late = Commit(*PLACE, offset=2, at=5), Commit(*PLACE, offset=2, at=50)
    assert too_early([early, late], {PLACE: {0: 1, 1: 40}}) == [(early, [1])]
