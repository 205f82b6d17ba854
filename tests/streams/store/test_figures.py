"""Figures against values computed by hand, from rows stored once and from rows stored twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agents.quality.intervals import mean_interval, wilson
from agents.quality.looks import EVERY_LOOK
from agents.quality.sequences import mean_sequence, share_sequence
from models.rows import RepeatRow, Row, SpendRow
from streams.store.client import Store
from streams.store.figures import choices, cost, decisions, ledger, routing, scores, traffic
from streams.store.figures.estimate import SETTLES, looks
from streams.store.figures.references import auc_of, confusion, per_label, reference_quality
from streams.store.figures.scope import Scope
from tests.data_rows import (
    TASK,
    VERSION,
    dead_letter_row,
    decided_rows,
    decision_row,
    moment,
    outcome_row,
    result_row,
    review_row,
    sample_row,
)

pytestmark = pytest.mark.processes

HOUR = Scope(start=moment(0), end=moment(60), task=TASK, buckets=6)
OVER = HOUR.end + SETTLES
"""The hour is closed by then."""

NO_ANSWER: dict[str, Any] = {
    "annotation_id": "", "labels": (), "confidence": None, "verdict_id": "",
    "judge_score": None, "annotation_price_usd": None, "verdict_price_usd": None,
    "annotation_latency_ms": None, "verdict_latency_ms": None, "scores": {},
    "annotation_missing": "failed", "verdict_missing": "not_annotated",
}  # fmt: skip


def small_traffic() -> list[Row]:
    """Twelve samples of the hour and some that it must not count."""
    at = [moment(5 * number) for number in range(12)]
    s = [
        sample_row(f"s{n}", at[n], offset=n, reference=ref, tags={"lang": "de" if n > 8 else "en"})
        for n, ref in enumerate(
            (("a",), ("b",), ("b",), ("b",), ("a",), (), (), (), ("b",), (), ("a",), ("a",))
        )
    ]
    unreadable = sample_row("", at[6], offset=6, text="{", task="", readable=False, tags={})
    r = {
        0: result_row(s[0], "a", judge_score=0.9, confidence=0.8, propensity=0.1),
        1: result_row(s[1], "a", judge_score=0.4, confidence=0.8, propensity=0.2),
        2: _asked(s[2], "b", "uncertain", judge_score=0.7, confidence=None, audit=True),
        3: _asked(s[3], "a", "disagreement", judge_score=0.2, confidence=0.6, audit=True),
        4: _asked(s[4], "", "failed", **NO_ANSWER),
        9: result_row(s[9], "", state="sampled_out", propensity=None, **NO_ANSWER),
        10: _asked(s[10], "a", "uncertain", judge_score=0.7, cached=True, annotation_price_usd=0.0,
                   annotation_latency_ms=None, audit=True),
        11: _asked(s[11], "a", "uncertain", judge_score=0.6, verdict_price_usd=None, audit=True),
    }  # fmt: skip
    canary = sample_row("canary", at[7], offset=70, provenance="canary")
    evaluated = sample_row(
        "evaluated", at[8], offset=80, provenance="evaluation", run="r1", reference=("b",)
    )
    late = sample_row("late", moment(60), offset=90)
    other = sample_row("other", at[8], offset=91, task="another")
    return [
        *s[:6], unreadable, *s[9:], *r.values(), review_row(r[2]), review_row(r[11]),
        dead_letter_row(unreadable.model_dump()["sample_key"], at[6], offset=6),
        *decided_rows(r[2], "b"),
        *decided_rows(r[3], "b"),
        *decided_rows(r[10], "", simulated=True),
        canary, result_row(canary, "a"),
        evaluated, result_row(evaluated, "b"),
        late, result_row(late, "a"),
        other, result_row(other, "a"),
    ]  # fmt: skip


def _asked(sample: Row, label: str, lane: str, **changes: object) -> Row:
    kept = {"state": "awaiting_review", "lane": lane, "propensity": 0.5, **changes}
    return result_row(sample, label, **kept)


@pytest.fixture(params=["once", "twice"])
def filled(store: Store, request: pytest.FixtureRequest) -> Store:
    store.insert(small_traffic())
    if request.param == "twice":
        store.insert(small_traffic())
    return store


def test_ledger_counts_each_sample_in_one_state(filled: Store) -> None:
    books = ledger.ledger(filled, HOUR)
    assert books.samples_in == 10
    assert books.states == {
        "in_flight": 1,
        "dead_lettered": 1,
        "sampled_out": 1,
        "over_budget": 0,
        "accepted": 2,
        "awaiting_review": 2,
        "expired": 0,
        "reviewed": 3,
    }
    assert (books.unreadable, books.unbooked, books.reused_ids) == (1, 0, 0)
    assert books.balanced


def test_evaluation_runs_and_slices_have_books_of_their_own(filled: Store) -> None:
    run = ledger.ledger(filled, replace(HOUR, run="r1"))
    assert (run.samples_in, run.states["accepted"]) == (1, 1)
    german = ledger.ledger(filled, replace(HOUR, slice="lang=de"))
    assert (german.samples_in, german.states["reviewed"]) == (3, 1)


def test_a_state_without_a_sample_unbalances_the_books(store: Store) -> None:
    store.insert([result_row(sample_row("lost", moment(1), offset=1), "a")])
    books = ledger.ledger(store, HOUR)
    assert (books.samples_in, books.unbooked, books.balanced) == (0, 1, False)


def test_repeats_and_reused_ids_are_named_and_change_nothing(store: Store) -> None:
    again = RepeatRow(
        topic="samples", key="k", run="", task=TASK, event_time=moment(1), incarnation=0,
        partition=0, offset=9, stored_at=moment(1), precedence=1,
    )  # fmt: skip
    twins = [sample_row("same", moment(n), offset=n, text=f"text {n}") for n in (1, 2)]
    store.insert([again, *twins])
    books = ledger.ledger(store, HOUR)
    assert (books.repeats, books.reused_ids, books.samples_in) == ({"samples": 1}, 1, 2)


def test_a_sample_in_flight_for_too_long_is_named(filled: Store) -> None:
    stuck = ledger.stuck(filled, HOUR, before=moment(26))
    assert list(stuck["id"]) == ["s5"]
    assert not len(ledger.stuck(filled, HOUR, before=moment(25)))


def test_samples_per_bucket_include_the_empty_buckets(filled: Store) -> None:
    frame = traffic.samples_in(filled, HOUR)
    assert list(frame["samples"]) == [2, 2, 2, 0, 1, 2]
    assert frame["per_second"].iloc[0] == pytest.approx(2 / 600)
    assert frame["at"].iloc[0] == moment(0)


def test_label_mix_is_a_share_of_each_bucket(filled: Store) -> None:
    frame = traffic.label_mix(filled, HOUR)
    rows = list(frame[["label", "samples", "n", "share"]].itertuples(index=False, name=None))
    assert rows == [("a", 2, 2, 1.0), ("a", 1, 2, 0.5), ("b", 1, 2, 0.5), ("a", 2, 2, 1.0)]
    assert traffic.labels(filled, HOUR) == ("a", "b")


def test_rare_labels_are_one(store: Store) -> None:
    for number in range(10):
        sample = sample_row(f"{number}", moment(number / 10), offset=number)
        store.insert([sample, result_row(sample, f"label {number}")])
    assert len(set(traffic.label_mix(store, HOUR)["label"])) == traffic.LABEL_LIMIT + 1


def test_means_skip_missing_scores(filled: Store) -> None:
    found = scores.scores(filled, HOUR, OVER)
    judged = [0.9, 0.4, 0.7, 0.2, 0.7, 0.6]
    assert found.judge_score.n == 6
    assert found.judge_score.value == pytest.approx(sum(judged) / 6)
    assert found.confidence.n == 5
    first = scores.scores_over_time(filled, HOUR, OVER).iloc[0]
    assert (first["signal"], first["n"]) == ("judge_score", 2)
    assert first["value"] == pytest.approx(0.65)


def test_scores_by_slice(filled: Store) -> None:
    frame = scores.scores_by_slice(filled, HOUR, OVER)
    german = frame[(frame["slice"] == "lang=de") & (frame["signal"] == "judge_score")].iloc[0]
    assert german["n"] == 2
    assert german["value"] == pytest.approx(0.65)


def test_cost_keeps_unknown_prices_apart(filled: Store) -> None:
    found = cost.cost(filled, HOUR)
    assert (found.answers, found.unpriced, found.cached, found.calls) == (12, 1, 1, 12)
    assert found.known_usd == pytest.approx(10 * 0.00002)
    assert found.input_tokens == 6 * 150 + 6 * 160


def test_nothing_costs_nothing_known(store: Store) -> None:
    assert cost.cost(store, HOUR).known_usd is None


def test_latencies_leave_cached_answers_out(filled: Store) -> None:
    frame = cost.latencies(filled, HOUR).set_index("step")
    assert frame.loc["annotate", "n"] == 5
    assert frame.loc["annotate", "p50"] == 80.0
    assert frame.loc["arrival to stored result", "p99"] == 900.0


def test_lanes_and_their_recorded_propensities(filled: Store) -> None:
    frame = routing.lanes(filled, HOUR).set_index("lane")
    assert frame.loc["(accepted)", "samples"] == 2
    assert frame.loc["(accepted)", "propensity_mean"] == pytest.approx(0.15)
    assert tuple(frame.loc["uncertain", ["samples", "audited", "decided"]]) == (3, 3, 2)
    assert frame["share"].sum() == pytest.approx(1.0)
    spread = routing.propensities(filled, HOUR)
    assert spread["samples"].sum() == 7


def test_missing_answers_say_why(filled: Store) -> None:
    frame = routing.missing(filled, HOUR).set_index("part")
    assert tuple(frame.loc["annotation", ["why", "samples"]]) == ("failed", 2)


def test_reference_figures(filled: Store) -> None:
    assert confusion(filled, HOUR) == {("a", "a"): 3, ("b", "a"): 2, ("b", "b"): 1}
    found = reference_quality(filled, HOUR)
    assert (found.referred, found.unlabelled) == (7, 1)
    assert found.accuracy == wilson(4, 6)
    assert found.balanced_accuracy.value == pytest.approx((1 + 1 / 3) / 2)
    assert found.majority_baseline == wilson(3, 6)
    # judge: right .9 .7 .7 .6, wrong .4 .2; confidence: right .8 .9 .9, wrong .8 .6
    assert found.auc_judge.value == 1.0
    assert found.auc_confidence.value == pytest.approx((0.5 + 1 + 2 + 2) / 6)
    b = next(each for each in found.labels if each.label == "b")
    assert b.precision.value == 1.0
    assert b.recall.value == pytest.approx(1 / 3)


def test_only_scores_have_an_auc(store: Store) -> None:
    with pytest.raises(ValueError, match="'label'"):
        auc_of(store, HOUR, "label")


def test_label_sets_count_when_they_match_exactly(store: Store) -> None:
    for number, (known, given) in enumerate(
        ((("y", "x"), ("x", "y")), (("x",), ("x", "y")), (("x", "z"), ("z",)))
    ):
        sample = sample_row(f"{number}", moment(number), offset=number, reference=known)
        store.insert([sample, result_row(sample, " + ".join(sorted(given)), labels=given)])
    assert reference_quality(store, HOUR).accuracy == wilson(1, 3)
    y = next(each for each in per_label(store, HOUR) if each.label == "y")
    assert (y.precision.value, y.recall.value) == (0.5, 1.0)


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
    results = [_asked(each, "a", "uncertain", audit=True) for each in samples]
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
    result = _asked(sample, "a", "uncertain", audit=True)
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
    decided, waiting = (_asked(each, "a", "uncertain", audit=True) for each in (first, second))
    store.insert([first, decided, outcome_row(decided, "a")])
    for now, accuracy in ((HOUR.end, share_sequence(1, 1)), (OVER, wilson(1, 1))):
        assert decisions.audit_quality(store, HOUR, now).accuracy == accuracy
        assert list(decisions.lane_accuracy(store, HOUR, now)["kind"]) == [accuracy.kind]
    store.insert([second, waiting])  # people answer when the window has long been over
    assert decisions.audit_quality(store, HOUR, OVER).accuracy == share_sequence(1, 1)
    assert list(decisions.lane_accuracy(store, HOUR, OVER)["kind"]) == ["sequence"]


def test_every_figure_of_an_open_window_holds_at_every_look(filled: Store) -> None:
    lanes = decisions.lane_accuracy(filled, HOUR, HOUR.end).iloc[1]
    assert (lanes["kind"], lanes["low"]) == ("sequence", pytest.approx(share_sequence(1, 1).low))
    judged = [0.9, 0.4, 0.7, 0.2, 0.7, 0.6]
    watched, once = (scores.scores(filled, HOUR, now).judge_score for now in (HOUR.end, OVER))
    mean, variance = sum(judged) / 6, float(np.var(judged, ddof=1))
    assert watched.low == pytest.approx(mean_sequence(6, mean, variance).low)
    assert once.low == pytest.approx(mean_interval(6, mean, variance).low)
    for now, kind in ((HOUR.end, "sequence"), (OVER, "fixed")):
        assert set(scores.scores_by_slice(filled, HOUR, now)["kind"]) == {kind}
        known = reference_quality(filled, HOUR, looks(HOUR, now))
        figures = [known.accuracy, known.balanced_accuracy, known.majority_baseline]
        figures += [known.auc_judge, known.auc_confidence]
        figures += [part for each in known.labels for part in (each.precision, each.recall)]
        assert {figure.kind for figure in figures} == {kind}
    assert reference_quality(filled, HOUR, EVERY_LOOK).accuracy == share_sequence(4, 6)


def test_each_bucket_is_a_window_that_closes_for_itself(filled: Store) -> None:
    kinds = scores.scores_over_time(filled, HOUR, moment(29)).groupby("at")["kind"].first()
    # ten minutes after their ends buckets are closed
    assert kinds.to_dict() == {
        moment(0): "fixed",
        moment(10): "sequence",
        moment(50): "sequence",
    }
    run = replace(HOUR, run="r1")
    assert set(scores.scores_over_time(filled, run, moment(0))["kind"]) == {"fixed"}


def test_an_axis_begins_where_its_first_bucket_does(filled: Store) -> None:
    late = replace(HOUR, start=moment(7))
    assert late.span == (moment(0), moment(60))
    assert traffic.samples_in(filled, late)["at"].iloc[0] == late.span[0]
    week = replace(HOUR, start=moment(0) - timedelta(days=300))
    assert week.bucket_seconds == 604_800
    assert traffic.samples_in(filled, week)["at"].iloc[0] == week.span[0]


def test_letters_of_no_sample_stand_beside_the_books(filled: Store) -> None:
    garbage = {"sample_key": "", "stage": "judge", "topic": "tidegauge.annotations"}
    filled.insert(
        [
            dead_letter_row("x", moment(5), offset=7, **garbage),
            dead_letter_row("y", moment(6), offset=8, task=TASK, **garbage),
            dead_letter_row("z", moment(6), offset=9, task="another", **garbage),
        ]
    )
    books = ledger.ledger(filled, HOUR)
    assert (books.strays, books.unbooked, books.balanced) == (2, 0, True)
    assert sum(books.states.values()) == books.samples_in == 10


def test_choices(filled: Store) -> None:
    assert choices.tasks(filled) == ("another", TASK)
    assert choices.runs(filled, TASK) == ("r1",)
    assert choices.versions(filled, HOUR) == ("@".join(VERSION),)
    assert choices.slices(filled, HOUR) == ("lang=en", "lang=de")
    assert choices.extent(filled, TASK, "").first == moment(0)
    assert choices.extent(filled, "unknown", "").samples == 0


def test_a_task_that_nobody_serves_comes_last(store: Store) -> None:
    served = sample_row("a", moment(1), offset=1)
    strangers = [sample_row(f"{n}", moment(1), offset=n + 2, task=f"<{n:03}>") for n in range(250)]
    store.insert([served, result_row(served, "a"), *strangers])
    found = choices.tasks(store)
    assert found[:2] == (TASK, "<000>")
    assert len(found) == choices.TASK_LIMIT


def test_a_version_restricts_results(store: Store) -> None:
    old, new = (sample_row(name, moment(n), offset=n) for n, name in enumerate(("old", "new")))
    store.insert([old, new, result_row(old, "a"), result_row(new, "b", task_version="messages/2")])
    second = replace(HOUR, version=f"messages/2@{VERSION[1]}")
    assert traffic.labels(store, second) == ("b",)
    assert scores.scores(store, second, OVER).judge_score.n == 1


def test_spend_adds_up_per_day(store: Store) -> None:
    parts = [
        SpendRow(
            day=moment().date(), task=TASK, stage="judge", session=f"s{n}", number=1, run="",
            usd=0.25, calls=2, input_tokens=10, output_tokens=1,
        )
        for n in range(2)
    ]  # fmt: skip
    store.insert(parts)
    store.insert(parts)
    [row] = cost.spent(store, TASK, moment() - timedelta(days=1)).to_dict("records")
    assert (row["stage"], row["usd"], row["calls"], row["tokens"]) == ("judge", 0.5, 4, 22)
