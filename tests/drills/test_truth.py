"""The truth is told from plain records: firsts count, repeats do not, poison has a place."""

import json
from typing import Any

import pytest

from tests.drills.oracle import _different, _excess
from tests.drills.topic_log import Logged
from tests.drills.traffic import label_of, poison, sample
from tests.drills.truth import Truth, figures


def _result(number: int, label: str, **more: Any) -> dict[str, Any]:
    body = json.loads(sample(number, 0).value)
    answer = {"usage": {"calls": 1, "input_tokens": 10}, "price_usd": 0.5}
    return {
        "sample_key": f"key{number}",
        "result_id": f"result{number}{label}",
        "state": "accepted",
        "sample": body | {"reference": [body["reference"]]},
        "annotation": answer | {"labels": [label], "confidence": 0.75},
        "annotation_missing": None,
        "verdict": answer | {"p_correct": 0.5},
        "verdict_missing": None,
        "route": {"lane": None, "audit": False},
    } | more


def _logged(topic: str, offset: int, body: dict[str, Any], **headers: bytes) -> Logged:
    return Logged(topic, 0, offset, 0, None, json.dumps(body).encode(), headers)


def _known(*records: Logged) -> Truth:
    truth = Truth()
    for record in records:
        truth.take(record.topic, [record])
    return truth


def test_the_first_result_counts_and_the_next_is_a_repeat() -> None:
    right = label_of(json.loads(sample(1, 0).value)["text"])
    truth = _known(
        _logged("results", 7, _result(1, "other")), _logged("results", 3, _result(1, right))
    )
    found = figures([sample(1, 0), sample(1, 0)], truth)
    assert found[f"label {right}"] == 1
    assert "label other" not in found
    assert (found["ledger samples in"], found["ledger state accepted"]) == (1, 1)
    assert found["ledger repeats results"] == 1
    assert found["accuracy"] == 1.0
    assert (found["cost answers"], found["cost usd"]) == (2, 1.0)
    assert truth.differing == 1


def test_poison_is_in_and_dead_lettered() -> None:
    letter = {
        "stage": "annotate",
        "sample_key": "p",
        "error": "InvalidRecord",
        "source": {"topic": "samples", "partition": 0, "offset": 4},
    }
    record = Logged(
        "dead_letters", 0, 0, 0, None, b"{", {"tidegauge-letter": json.dumps(letter).encode()}
    )
    found = figures([poison(50, 0)], _known(record, record))
    assert found["ledger samples in"] == found["ledger unreadable"] == 1
    assert found["ledger state dead_lettered"] == 1
    assert found["dead letters annotate InvalidRecord"] == 1
    assert found["ledger repeats dead_letters"] == 1


def test_outcomes_lie_among_decisions_and_say_what_became_of_a_sample() -> None:
    def ended(number: int, state: str, **more: Any) -> dict[str, Any]:
        about = {"result_id": f"result{number}a", "sample_key": f"key{number}", "lane": "policy"}
        said = {"kind": "outcome", "state": state, "labels": ["a"], "ambiguous": False}
        return about | said | more

    decision = {"decision_id": "d", "sample_key": "key4", "result_id": "result4a", "lane": "policy"}
    truth = _known(
        *(_logged("results", number, _result(number, "a")) for number in range(1, 6)),
        _logged("decisions", 1, ended(1, "reviewed")),
        _logged("decisions", 2, ended(1, "reviewed", labels=["b"])),
        _logged("decisions", 3, ended(2, "cancelled")),
        _logged("decisions", 4, ended(3, "reviewed", ambiguous=True, labels=[])),
        _logged("decisions", 5, decision),
    )
    found = figures([sample(number, 0) for number in range(1, 6)], truth)
    states = ("reviewed", "expired", "accepted")
    assert [found[f"ledger state {state}"] for state in states] == [2, 1, 2]
    assert (found["decided policy"], found["decided policy right"]) == (1, 1)
    assert (found["ledger repeats outcomes"], found["ledger repeats decisions"]) == (1, 0)


@pytest.mark.parametrize(
    ("due", "has", "wrong", "excess"),
    [
        ({"a": 1}, {"a": 1}, 0, 0),
        ({"a": 1}, {"a": 3}, 1, 2),
        ({"a": 3}, {"a": 1}, 1, 0),
        ({}, {"a": 1}, 1, 1),
        ({"a": 0}, {}, 0, 0),
        ({"a": 0.5}, {"a": 0.5000001}, 1, 0),
    ],
)
def test_a_figure_that_differs_is_told(
    due: dict[str, float], has: dict[str, float], wrong: int, excess: int
) -> None:
    assert (len(_different(due, has)), _excess(due, has)) == (wrong, excess)
