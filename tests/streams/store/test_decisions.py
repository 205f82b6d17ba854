"""What people say about the labels: against values counted by hand."""

import pytest

from agents.quality.intervals import wilson
from agents.quality.sequences import share_sequence
from streams.store.client import Store
from streams.store.figures import decisions, ledger, routing
from tests.data_hour import HOUR, OVER, asked_row
from tests.data_rows import decision_row, moment, outcome_row, sample_row

pytestmark = pytest.mark.processes


def test_decisions_by_lane_say_who_decided(filled: Store) -> None:
    frame = decisions.lane_accuracy(filled, HOUR, OVER)
    columns = ["lane", "simulated", "n", "right", "ambiguous"]
    assert list(frame[columns].itertuples(index=False, name=None)) == [
        ("disagreement", False, 1, 0, 0),
        ("uncertain", False, 1, 1, 0),
        ("uncertain", True, 0, 0, 1),
    ]
    assert frame["low"].iloc[1] == pytest.approx(share_sequence(1, 1).low)  # another one waits


def test_who_is_not_asked_any_more_has_expired(store: Store) -> None:
    states = ("reviewed", "expired", "cancelled")
    samples = [sample_row(state, moment(n), offset=n) for n, state in enumerate(states)]
    results = [asked_row(each, "a", "uncertain", audit=True) for each in samples]
    ended = [
        outcome_row(results[0], "a"),
        *(outcome_row(r, "", state=s) for r, s in zip(results[1:], states[1:], strict=True)),
    ]
    answered_in_vain = decision_row(results[1], "a")
    store.insert([*samples, *results, *ended, answered_in_vain])
    books = ledger.ledger(store, HOUR)
    assert (books.states["reviewed"], books.states["expired"]) == (1, 2)
    assert sum(books.states.values()) == books.samples_in == 3
    [lane] = decisions.lane_accuracy(store, HOUR, OVER).to_dict("records")
    assert (lane["n"], lane["right"], lane["undecided"], lane["kind"]) == (1, 1, 2, "fixed")
    audit = decisions.audit_quality(store, HOUR, OVER)
    assert (audit.accuracy, audit.pending, audit.undecided) == (wilson(1, 1), 0, 2)
    assert routing.lanes(store, HOUR).set_index("lane").loc["uncertain", "decided"] == 1


def test_an_answer_alone_makes_no_sample_reviewed(store: Store) -> None:
    """The second of two reviewers is yet to answer."""
    sample = sample_row("s", moment(1), offset=1)
    result = asked_row(sample, "a", "uncertain", audit=True)
    planted = decision_row(result, "a", role="gold", sample_key="", result_id="g")
    store.insert([sample, result, decision_row(result, "a"), planted])
    books = ledger.ledger(store, HOUR)
    assert (books.states["awaiting_review"], books.unbooked) == (1, 0)
    assert decisions.audit_quality(store, HOUR, OVER).pending == 1
    assert not len(decisions.lane_accuracy(store, HOUR, OVER))


def test_audited_samples_speak_for_all(filled: Store) -> None:
    found = decisions.audit_quality(filled, HOUR, OVER)
    assert found.accuracy == share_sequence(1, 2)
    assert (found.audited, found.pending, found.ambiguous, found.simulated) == (4, 1, 1, 0)


def test_a_window_that_still_fills_has_an_interval_for_every_look(store: Store) -> None:
    first, second = (sample_row(f"s{n}", moment(n), offset=n) for n in range(2))
    decided, waiting = (asked_row(each, "a", "uncertain", audit=True) for each in (first, second))
    store.insert([first, decided, outcome_row(decided, "a")])
    for now, accuracy in ((HOUR.end, share_sequence(1, 1)), (OVER, wilson(1, 1))):
        assert decisions.audit_quality(store, HOUR, now).accuracy == accuracy
        assert list(decisions.lane_accuracy(store, HOUR, now)["kind"]) == [accuracy.kind]
    store.insert([second, waiting])  # people answer when the window has long been over
    assert decisions.audit_quality(store, HOUR, OVER).accuracy == share_sequence(1, 1)
    assert list(decisions.lane_accuracy(store, HOUR, OVER)["kind"]) == ["sequence"]
