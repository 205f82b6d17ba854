from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from streams.delivery.records import EVENT_TIME, LATEST, REPLAY_OF, header, incoming


def kafka_record(timestamp: Any, headers: Any = ()) -> Any:
    return SimpleNamespace(
        topic="s", partition=0, offset=1, timestamp=timestamp, key=b"k", value=None, headers=headers
    )


@pytest.mark.parametrize(
    "stamp",
    [None, -1, 0, 1_760_000_000_000_000, 1_760_000_000_000_000_000, 2**63 - 1, -1.0, 1e300],
)
def test_no_timestamp_stops_a_stage(stamp: Any) -> None:
    at = incoming(kafka_record(stamp), 0).source.at
    assert datetime(1970, 1, 1, tzinfo=UTC) <= at <= datetime.fromtimestamp(LATEST, UTC)


def test_both_clients_say_the_same_time() -> None:
    faust = incoming(kafka_record(1_760_000_000.5), 0)
    plain = incoming(kafka_record(1_760_000_000_500), 0)
    assert faust.source.at == plain.source.at


def test_a_replayed_letter_keeps_its_time() -> None:
    replayed = ((REPLAY_OF, b"a" * 32), (EVENT_TIME, b"1000"))
    assert incoming(kafka_record(9_000, replayed), 0).source.at.timestamp() == 1
    assert incoming(kafka_record(9_000, replayed[1:]), 0).source.at.timestamp() == 9


def test_null_values_and_headers_are_told() -> None:
    found = incoming(kafka_record(1, {"a": None, "b": b"2"}), 3)
    assert (found.null, found.value, found.source.incarnation) == (True, b"", 3)
    assert (header(found.headers, "a"), header(found.headers, "c")) == (b"", None)
