"""What a policy learns from, and above all what it does not."""

from collections.abc import Sequence
from typing import Any

import pytest

from agents.policy.fit import Reviewed
from models.record import Version
from models.rows import Row
from streams.store.client import Store
from streams.store.figures.training import JUDGE, OWN, Wanted, past
from tests.data_rows import TASK, VERSION, moment, outcome_row, result_row, sample_row

pytestmark = pytest.mark.processes

THIS = Version(name=VERSION[0], hash=VERSION[1])
WANTED = Wanted(TASK, THIS, JUDGE)


def reviewed(number: int, said: str, right: str, **changes: Any) -> list[Row]:
    """A sample, its result and its outcome; what starts with `o_` or `s_` changes those."""
    outcome = {name[2:]: value for name, value in changes.items() if name.startswith("o_")}
    sample = {name[2:]: value for name, value in changes.items() if name.startswith("s_")}
    own = {name: value for name, value in changes.items() if name[:2] not in ("o_", "s_")}
    s = sample_row(f"s{number}", moment(number), offset=number, text=f"text {number}", **sample)
    drawn = {"lane": "uncertain", "draw": 0.01, "propensity": 0.25, "state": "awaiting_review"}
    r = result_row(s, said, **drawn | own)
    return [s, r, outcome_row(r, right, **outcome)]


def put(store: Store, *stories: Sequence[Row]) -> None:
    store.insert([row for story in stories for row in story])


def test_reviewed_samples_with_their_scores_and_propensities(store: Store) -> None:
    put(
        store,
        reviewed(1, "a", "a", judge_score=0.75),
        reviewed(2, "a", "b", judge_score=0.4, propensity=0.5),
        reviewed(3, "b", "b", judge_score=0.9, lane="policy", propensity=1.0),
    )
    found = past(store, WANTED)
    assert found.reviewed == [
        Reviewed(0.9, True, 1.0),
        Reviewed(0.4, False, 0.5),
        Reviewed(0.75, True, 0.25),
    ]
    assert (found.first, found.last) == (moment(1), moment(3))
    assert found.traffic == {0.75: 1, 0.4: 1, 0.9: 1}
    (mistake,) = found.mistakes
    assert (mistake.text, mistake.said, mistake.right) == ("text 2", ("a",), ("b",))
    assert mistake.weight == 2.0


@pytest.mark.parametrize(
    "changes",
    [
        {"o_ambiguous": True},
        {"o_state": "expired"},
        {"o_state": "cancelled"},
        {"s_provenance": "canary"},
        {"s_provenance": "synthetic"},
        {"s_provenance": "evaluation", "s_run": "r1"},
        {"lane": "gold"},
        {"lane": "repeat"},
        {"task_hash": "another-version"},
        {"s_task": "another"},
        {"draw": 0.3},
        {"lane": "failed", "annotation_id": ""},
    ],
    ids=str,
)
def test_nothing_else_is_learnt_from(store: Store, changes: dict[str, Any]) -> None:
    put(store, reviewed(1, "a", "a"), reviewed(2, "a", "b", **changes))
    found = past(store, WANTED)
    assert len(found.reviewed) == 1
    assert not found.mistakes


def test_simulated_decisions_teach_a_simulation_alone(store: Store) -> None:
    put(store, reviewed(1, "a", "a"), reviewed(2, "a", "b", o_simulated=True))
    found = past(store, WANTED)
    assert (len(found.reviewed), found.simulated, found.left_out) == (1, 0, 1)
    assert not found.mistakes
    simulation = past(store, Wanted(TASK, THIS, JUDGE, simulation=True))
    assert (len(simulation.reviewed), simulation.simulated, simulation.left_out) == (2, 1, 0)
    assert len(simulation.mistakes) == 1


def test_scores_of_another_judge_are_another_matter(store: Store) -> None:
    put(
        store,
        reviewed(1, "a", "a", judge_hash="old", judge_score=0.1),
        reviewed(2, "a", "a", judge_hash="new", judge_score=0.2),
        reviewed(3, "a", "a", judge_score=None, judge_hash=""),
    )
    found = past(store, WANTED)
    assert [each.raw for each in found.reviewed] == [0.2]
    assert found.traffic == {0.2: 1, None: 1}
    own = past(store, Wanted(TASK, THIS, OWN))
    assert [each.raw for each in own.reviewed] == [0.9, 0.9, 0.9]


def test_an_empty_store_teaches_nothing(store: Store) -> None:
    found = past(store, WANTED)
    assert (found.reviewed, found.first, found.traffic, found.mistakes) == ([], None, {}, [])


def test_a_long_text_is_no_correction(store: Store) -> None:
    put(store, reviewed(1, "a", "b"))
    long = reviewed(2, "a", "b")
    long[0] = long[0].model_copy(update={"text": "é" * 601})
    put(store, long)
    assert [mistake.text for mistake in past(store, WANTED).mistakes] == ["text 1"]
