"""The watch on a slice: warming up, alarms that latch, answers, repeats, exact snapshots."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.drift.plan import Plan
from agents.drift.signal_watch import ACKNOWLEDGED_LIMIT
from agents.drift.watch import SliceWatch
from models.drift import Alarm, AlarmAction, Reading, Signal
from models.sample import Source

PLAN = Plan(baseline=100, run_length=10_000.0)
START = datetime(2026, 1, 1, tzinfo=UTC)


def source(offset: int) -> Source:
    at = START + timedelta(seconds=offset)
    return Source(topic="samples", partition=0, offset=offset, at=at)


def reading(offset: int, key: str = "", **values: Any) -> Reading:
    return Reading(
        task="sms",
        slice="language=en",
        sample_key=key or f"sample {offset}",
        source=source(offset),
        **values,
    )


def answer(
    offset: int,
    action: Literal["acknowledge", "rebaseline"],
    signal: Signal | None = None,
    note: str = "seen",
) -> tuple[AlarmAction, Source]:
    given_ = AlarmAction(
        task="sms",
        slice="language=en",
        signal=signal,
        action=action,
        by="ada",
        note=note,
        at=START + timedelta(days=1),
    )
    return given_, source(offset)


def labels(watch: SliceWatch, offset: int, n: int, spam_every: int) -> list[Alarm]:
    """Feed `n` labels from `offset` on, every `spam_every`-th of them spam."""
    alarms: list[Alarm] = []
    for place in range(offset, offset + n):
        label = "spam" if place % spam_every == 0 else "personal"
        alarms += watch.update(reading(place, label=label))
    return alarms


def fresh() -> SliceWatch:
    return SliceWatch("sms", "language=en", PLAN)


def test_warms_up_n_of_n_then_watches_then_alarms_and_latches() -> None:
    watch = fresh()
    labels(watch, 0, 60, 5)
    mix = watch.standings()[2]
    assert (mix.phase, mix.collected, mix.needed) == ("warming up", 60, 100)
    assert labels(watch, 60, 100, 5) == []
    assert watch.standings()[2].phase == "watching"
    alarms = labels(watch, 160, 300, 1)
    assert [alarm.signal for alarm in alarms] == ["label_mix"]
    standing = watch.standings()[2]
    assert (standing.phase, standing.evidence) == ("alarm", alarms[0].evidence)


def test_an_alarm_tells_what_moved_from_what_to_what_since_when_with_examples() -> None:
    watch = fresh()
    labels(watch, 0, 160, 5)
    (alarm,) = labels(watch, 160, 100, 1)
    assert (alarm.state, alarm.direction, alarm.detector) == ("open", "mix", "categorical")
    assert alarm.before.mix == {"personal": 0.8, "spam": 0.2}
    assert alarm.before.n == 100
    assert alarm.after.mix["spam"] > 0.8
    assert alarm.evidence >= alarm.threshold
    assert alarm.since is not None
    assert abs((alarm.since - source(160).at).total_seconds()) <= 5
    assert alarm.source == source(160 + int((alarm.at - source(160).at).total_seconds()))
    assert len(alarm.examples) == 5
    assert {int(key.split()[1]) for key in alarm.examples} <= set(range(160, 260))


def test_scores_alarm_in_their_direction_and_show_the_extreme_samples() -> None:
    watch = fresh()
    rng = random.Random(1)
    alarms: list[Alarm] = []
    for place in range(400):
        score = rng.uniform(0.7, 0.9) if place < 200 else rng.uniform(0.3, 0.7)
        alarms += watch.update(reading(place, judge_score=score))
    (alarm,) = alarms
    assert (alarm.signal, alarm.direction, alarm.detector) == ("judge_score", "down", "e_detector")
    assert alarm.before.low is not None
    assert alarm.after.high is not None
    assert alarm.after.high < alarm.before.low


def test_missing_values_are_skipped_not_counted_as_zero() -> None:
    watch = fresh()
    for place in range(300):
        score = 0.8 if place % 2 else None
        assert watch.update(reading(place, confidence=score)) == ()
    judge, confidence, mix = watch.standings()
    assert (judge.collected, mix.collected) == (0, 0)
    assert confidence.phase == "watching"
    for place in range(300, 600):
        assert watch.update(reading(place)) == ()
    assert watch.standings()[1] == confidence


def test_acknowledged_a_lasting_shift_needs_a_whole_fresh_crossing() -> None:
    watch = fresh()
    labels(watch, 0, 160, 5)
    (first,) = labels(watch, 160, 100, 1)
    needed = int((first.at - source(160).at).total_seconds()) + 1
    (seen,) = watch.apply(*answer(260, "acknowledge"))
    assert (seen.alarm_id, seen.state, seen.by) == (first.alarm_id, "acknowledged", "ada")
    assert seen.source == source(260)
    assert labels(watch, 300, needed - 5, 1) == []
    (second,) = labels(watch, 400, 100, 1)
    assert second.alarm_id != first.alarm_id
    assert second.before == first.before


def test_one_acknowledged_alarm_too_many_closes_the_oldest() -> None:
    watch = fresh()
    labels(watch, 0, 160, 5)
    ids: list[str] = []
    moved: tuple[Alarm, ...] = ()
    for round_ in range(ACKNOWLEDGED_LIMIT + 1):
        offset = 1000 * (round_ + 1)
        ids += [alarm.alarm_id for alarm in labels(watch, offset, 100, 1)]
        moved = watch.apply(*answer(offset + 100, "acknowledge", note=str(round_)))
    assert [(alarm.alarm_id, alarm.state) for alarm in moved] == [
        (ids[0], "closed"),
        (ids[-1], "acknowledged"),
    ]
    assert len(watch.apply(*answer(90_000, "rebaseline"))) == ACKNOWLEDGED_LIMIT


def test_rebaseline_closes_every_alarm_and_learns_the_new_normal() -> None:
    watch = fresh()
    labels(watch, 0, 160, 5)
    (first,) = labels(watch, 160, 100, 1)
    watch.apply(*answer(260, "acknowledge"))
    (second,) = labels(watch, 300, 100, 1)
    closed = watch.apply(*answer(400, "rebaseline"))
    assert [alarm.alarm_id for alarm in closed] == [first.alarm_id, second.alarm_id]
    assert {alarm.state for alarm in closed} == {"closed"}
    assert watch.standings()[2].generation == 2
    assert labels(watch, 500, 400, 1) == []
    assert watch.standings()[2].phase == "watching"
    (third,) = labels(watch, 900, 100, 1000)
    assert third.before.mix == {"spam": 1.0}


def test_an_action_for_one_signal_leaves_the_others_alone() -> None:
    watch = fresh()
    for place in range(150):
        watch.update(reading(place, judge_score=0.8, confidence=0.8))
    for place in range(150, 300):
        watch.update(reading(place, judge_score=0.4, confidence=0.4))
    assert [standing.phase for standing in watch.standings()][:2] == ["alarm", "alarm"]
    (seen,) = watch.apply(*answer(300, "acknowledge", "confidence"))
    assert seen.signal == "confidence"
    assert [standing.phase for standing in watch.standings()][:2] == ["alarm", "watching"]


def test_a_repeat_updates_nothing_and_is_counted() -> None:
    watch = fresh()
    labels(watch, 0, 150, 5)
    before = watch.standings()
    for place in range(150):
        assert watch.update(reading(1000 + place, key=f"sample {place}", label="spam")) == ()
    assert watch.repeats == 150
    assert watch.readings == 300
    assert watch.standings() == before


def test_an_action_met_twice_is_carried_out_once() -> None:
    watch = fresh()
    labels(watch, 0, 40, 5)
    watch.apply(*answer(40, "rebaseline"))
    labels(watch, 50, 40, 5)
    watch.apply(*answer(99, "rebaseline"))
    assert watch.standings()[2].generation == 2
    assert watch.standings()[2].collected == 40


def test_acknowledging_nothing_changes_nothing() -> None:
    watch = fresh()
    labels(watch, 0, 150, 5)
    before = watch.standings()
    assert watch.apply(*answer(150, "acknowledge")) == ()
    assert watch.standings() == before


def test_a_replay_raises_the_same_alarm_ids() -> None:
    ids = []
    for _ in range(2):
        watch = fresh()
        labels(watch, 0, 160, 5)
        ids.append([alarm.alarm_id for alarm in labels(watch, 160, 100, 1)])
    assert ids[0] == ids[1] != []


def test_another_place_another_alarm_id() -> None:
    other = SliceWatch("sms", "language=de", PLAN)
    watch = fresh()
    for each in (watch, other):
        labels(each, 0, 160, 5)
    (ours,), (theirs,) = labels(watch, 160, 100, 1), labels(other, 160, 100, 1)
    assert ours.alarm_id != theirs.alarm_id


def test_a_changed_plan_takes_effect_without_losing_the_baseline() -> None:
    watch = fresh()
    labels(watch, 0, 150, 5)
    plan = Plan(baseline=5000, run_length=1e9)
    resumed = SliceWatch.from_state(json.loads(json.dumps(watch.state())), plan)
    old, new = watch.standings()[2], resumed.standings()[2]
    assert (new.phase, new.collected) == ("watching", 100)
    assert old.threshold is not None
    assert new.threshold is not None
    assert new.threshold > old.threshold


def test_a_state_without_a_signal_lets_that_signal_warm_up() -> None:
    watch = fresh()
    labels(watch, 0, 150, 5)
    state = watch.state()
    del state["signals"]["label_mix"]
    assert SliceWatch.from_state(state, PLAN).standings()[2].phase == "warming up"


step = st.one_of(
    st.sampled_from(["acknowledge", "rebaseline"]),
    st.tuples(
        st.sampled_from(["calm", "moved", "silent"]),
        st.integers(1, 120),
    ),
)


def play(watch: SliceWatch, steps: list[Any], offset: int) -> tuple[list[Alarm], int]:
    """Feed the steps; every fifth reading repeats the key of the fifth before it."""
    rng = random.Random(offset)
    alarms: list[Alarm] = []
    for one in steps:
        if isinstance(one, str):
            alarms += watch.apply(*answer(offset, one))  # type: ignore[arg-type]
            offset += 1
            continue
        kind, n = one
        for place in range(offset, offset + n):
            alarms += watch.update(_varied(rng, kind, place))
        offset += n
    return alarms, offset


def _varied(rng: random.Random, kind: str, place: int) -> Reading:
    key = f"sample {place - 5}" if place % 5 == 0 else ""
    if kind == "silent":
        return reading(place, key=key)
    share, low = (0.15, 0.7) if kind == "calm" else (0.6, 0.3)
    return reading(
        place,
        key=key,
        label="spam" if rng.random() < share else "personal",
        confidence=rng.uniform(low, 1.0),
        judge_score=rng.uniform(low, 1.0) if rng.random() < 0.8 else None,
    )


@settings(max_examples=40)
@given(before=st.lists(step, max_size=8), after=st.lists(step, min_size=1, max_size=8))
def test_resumed_from_json_it_goes_on_exactly(before: list[Any], after: list[Any]) -> None:
    running = SliceWatch("sms", "language=en", Plan(baseline=60, run_length=500.0))
    _, offset = play(running, before, 0)
    kept = json.loads(json.dumps(running.state(), allow_nan=False))
    resumed = SliceWatch.from_state(kept, Plan(baseline=60, run_length=500.0))
    assert play(running, after, offset) == play(resumed, after, offset)
    assert resumed.state() == running.state()
    assert resumed.standings() == running.standings()


@pytest.mark.parametrize("naive", [True, False])
def test_event_times_without_a_zone_are_utc(naive: bool) -> None:
    watch = fresh()
    alarms: list[Alarm] = []
    for place in range(300):
        one = reading(place, label="spam" if place >= 150 else "personal")
        at = one.source.at.replace(tzinfo=None) if naive else one.source.at
        moved = one.model_copy(update={"source": one.source.model_copy(update={"at": at})})
        alarms += watch.update(moved)
    assert alarms[0].since is not None
    assert START < alarms[0].since < START + timedelta(seconds=300)
