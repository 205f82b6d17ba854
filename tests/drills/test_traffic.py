"""The traffic of a drill is what it says: unique where it must be, wrong where it should be."""

import json
from collections import Counter

from models.sample import Sample
from tests.drills.traffic import (
    HOUR_MS,
    REFUSED,
    Sent,
    again,
    key_lines,
    label_of,
    refused,
    traffic,
)

NOW = 1_800_000_000_000


def _sent(count: int = 700) -> list[Sent]:
    return list(traffic(0, count, NOW))


def test_good_records_are_samples_and_poison_is_none() -> None:
    sent = _sent()
    for record in sent:
        if record.name is not None:
            sample = Sample.model_validate_json(record.value)
            assert (sample.id, sample.text) == record.name
            assert sample.reference == (label_of(sample.text),)
    assert sum(record.name is None for record in sent) == 700 // 50


def test_copies_and_reused_ids_come_as_often_as_stated() -> None:
    names = Counter(record.name for record in _sent() if record.name)
    assert sum(count > 1 for count in names.values()) == -(-700 // 40)
    texts = Counter(name for name, _ in names)
    assert sum(count > 1 for count in texts.values()) == 700 // 70
    assert len(names) == 700 + 10


def test_it_is_the_same_every_time() -> None:
    assert _sent() == _sent()


def test_some_are_stamped_hours_away_and_late_copies_hours_later() -> None:
    sent = _sent()
    assert {(record.at - NOW) // HOUR_MS for record in sent} == {-2, -1, 0, 1, 2}
    late = list(again(sent, 60, NOW))
    assert len(late) == 60
    assert {record.at for record in late} == {NOW + 5 * HOUR_MS}
    assert {record.name for record in late} <= {record.name for record in sent}


def test_the_model_is_told_every_label() -> None:
    known = {json.loads(line)["text"] for line in key_lines(0, 700)}
    assert {record.name[1] for record in _sent() if record.name} <= known
    assert REFUSED in refused(3, NOW).value.decode()
