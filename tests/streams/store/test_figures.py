"""Figures against values computed by hand, from rows stored once and from rows stored twice."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.quality.intervals import mean_interval, wilson
from agents.quality.looks import EVERY_LOOK
from agents.quality.sequences import mean_sequence, share_sequence
from models.rows import RepeatRow, SpendRow
from streams.store.client import Store
from streams.store.figures import choices, cost, decisions, ledger, routing, scores, traffic
from streams.store.figures.estimate import looks
from streams.store.figures.references import auc_of, confusion, per_label, reference_quality
from tests.data_hour import HOUR, OVER
from tests.data_rows import (
    TASK,
    VERSION,
    dead_letter_row,
    moment,
    result_row,
    sample_row,
)

pytestmark = pytest.mark.processes


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
