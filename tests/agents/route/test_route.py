from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agents.route.propensity import calibrated, propensity
from agents.route.route import readings, review_task, route
from models.annotation import Annotation, Missing, Usage
from models.identity import digest
from models.policy import Platt, Policy
from models.record import Version
from models.sample import Sample, Source
from models.verdict import Judged, Verdict

AT = datetime(2026, 1, 2, tzinfo=UTC)
POLICY = Policy(
    task="t",
    budget=0.1,
    mean_uncertainty=0.3,
    audit=0.02,
    floors={"lang=de": 0.5},
    always_review=frozenset({"danger"}),
    slices={"lang": ("de", "en")},
)
VERSION = Version(name="v", hash="h")


def judged(number: int = 0, **changes: object) -> Judged:
    sample = Sample(id=str(number), text="x", task="t", reference=("a",), tags={"lang": "en"})
    label = str(changes.pop("label", "a"))
    score = changes.pop("score", 0.9)
    judge_label = changes.pop("judge_label", None)
    annotation = Annotation(
        annotation_id="an",
        annotator=VERSION,
        labels=(label,),
        confidence=0.8,
        model="m",
        usage=Usage(),
    )
    verdict = Verdict(
        verdict_id="ve",
        judge=VERSION,
        kind="second_view",
        p_correct=score,
        label=judge_label,
        model="m",
        usage=Usage(),
    )
    fields: dict[str, object] = {
        "sample_key": digest(str(number)),
        "source": Source(topic="s", partition=0, offset=number, at=AT),
        "sample": sample,
        "task": VERSION,
        "annotation": annotation,
        "verdict": verdict,
        "policy": POLICY.version,
    }
    return Judged.model_validate(fields | changes)


FAILED = Missing(why="failed", detail="x")


@given(
    st.one_of(st.none(), st.floats(0, 1)),
    st.floats(0.001, 1),
    st.floats(0, 1),
    st.floats(0.001, 1),
)
def test_every_propensity_is_a_probability_above_zero(
    p: float | None, budget: float, floor: float, audit: float
) -> None:
    policy = POLICY.model_copy(update={"budget": budget, "audit": audit})
    pi = propensity(p, policy, floor)
    assert max(floor, audit) <= pi <= 1


def test_propensity_by_hand() -> None:
    # (1 - .5) * .1 * sqrt(.2 * .8) / .3 + .5 * .1
    assert abs(propensity(0.8, POLICY, 0.0) - (0.05 * 0.4 / 0.3 + 0.05)) < 1e-12


@given(st.floats(0, 1), st.floats(0, 1))
def test_calibration_keeps_the_order(a: float, b: float) -> None:
    platt = Platt(slope=0.7, shift=-0.3)
    assert (a <= b) <= (calibrated(a, platt) <= calibrated(b, platt) + 1e-12)


def test_a_replay_makes_the_same_result() -> None:
    assert route(judged(3), POLICY).encode() == route(judged(3), POLICY).encode()


def test_review_share_matches_the_recorded_propensities() -> None:
    results = [route(judged(n, score=0.5 + (n % 50) / 100), POLICY) for n in range(20_000)]
    routes = [r.route for r in results if r.route]
    expected = sum(r.propensity for r in routes)
    reviewed = sum(r.lane is not None for r in routes)
    spread = sum(r.propensity * (1 - r.propensity) for r in routes) ** 0.5
    assert abs(reviewed - expected) < 4 * spread
    audited = sum(r.audit for r in routes)
    assert abs(audited - 400) < 4 * (20_000 * 0.02 * 0.98) ** 0.5
    assert all(r.lane for r in routes if r.audit), "audited samples are always reviewed"


def test_lanes() -> None:
    failed = route(
        judged(annotation=None, verdict=None, annotation_missing=Missing(why="failed")), POLICY
    )
    assert failed.state == "awaiting_review"
    assert failed.route is not None
    assert (failed.route.lane, failed.route.propensity) == ("failed", 1.0)
    always = route(judged(label="danger"), POLICY)
    assert always.route is not None
    assert (always.route.lane, always.route.propensity) == ("policy", 1.0)
    every = POLICY.model_copy(update={"budget": 1.0, "audit": 1.0})
    apart = route(judged(judge_label="b"), every)
    assert apart.route is not None
    assert apart.route.lane == "disagreement"
    together = route(judged(judge_label="a"), every)
    assert together.route is not None
    assert together.route.lane == "uncertain"


def test_what_was_never_labelled_is_not_drawn() -> None:
    for why, state in (
        ("sampled_out", "sampled_out"),
        ("stopped", "sampled_out"),
        ("over_budget", "over_budget"),
    ):
        missing = Missing.model_validate({"why": why})
        result = route(judged(annotation=None, verdict=None, annotation_missing=missing), POLICY)
        assert (result.state, result.route) == (state, None)
        assert review_task(result) is None
        assert readings(result, POLICY) == ()


def test_without_a_verdict_the_confidence_decides() -> None:
    result = route(judged(verdict=None, verdict_missing=Missing(why="over_budget")), POLICY)
    assert result.route is not None
    assert result.route.p_correct == 0.8


def test_slice_floors_hold() -> None:
    german = judged().sample.model_copy(update={"tags": {"lang": "de"}})
    result = route(judged(sample=german), POLICY)
    assert result.route is not None
    assert result.route.propensity == 0.5


def test_people_never_see_the_reference() -> None:
    every = POLICY.model_copy(update={"budget": 1.0, "audit": 1.0})
    task = review_task(route(judged(), every))
    assert task is not None
    assert task.sample.reference is None


def test_what_is_doubtful_is_worth_more_to_people() -> None:
    every = POLICY.model_copy(update={"budget": 1.0, "audit": 1.0})

    def value(**changes: object) -> float:
        task = review_task(route(judged(0, **changes), every))
        assert task is not None
        return task.value

    assert value(score=0.5) == value(annotation=None, verdict=None, annotation_missing=FAILED) == 1
    assert round(value(score=0.9), 9) == 0.6
    assert value(score=0.99) < value(score=0.9)
    fitted = every.model_copy(update={"calibrator": Platt(slope=1.0, shift=-10.0)})
    task = review_task(route(judged(score=0.9), fitted))
    assert task is not None
    assert task.value < 0.1, "it goes by the calibrated score"


def test_other_traffic_reaches_no_queue_and_no_detector() -> None:
    every = POLICY.model_copy(update={"budget": 1.0, "audit": 1.0})
    sample = judged().sample.model_copy(update={"provenance": "evaluation", "run": "r"})
    result = route(judged(sample=sample), every)
    assert result.state == "awaiting_review"
    assert review_task(result) is None
    assert readings(result, every) == ()


def test_one_reading_per_slice() -> None:
    names = [r.slice for r in readings(route(judged(), POLICY), POLICY)]
    assert names == ["", "lang=en"]
    strange = judged().sample.model_copy(update={"tags": {"lang": "x" * 99}})
    names = [r.slice for r in readings(route(judged(sample=strange), POLICY), POLICY)]
    assert names == ["", "lang=other"]


def test_a_calibrator_is_for_the_score_it_was_fitted_on() -> None:
    """Any other is taken as it is: a judge's calibrator says nothing of an annotator's own."""
    fitted = {"calibrator": Platt(slope=0.5, shift=-1.0)}
    of_judge = POLICY.model_copy(update=fitted)
    of_own = POLICY.model_copy(update={**fitted, "calibrates": "confidence"})
    unjudged: dict[str, object] = {"verdict": None, "verdict_missing": Missing(why="not_judged")}
    cases: tuple[dict[str, object], ...] = ({"score": 0.9}, unjudged)
    routes = [
        route(judged(0, **case), policy).route for case in cases for policy in (of_judge, of_own)
    ]
    chances = [each.p_correct for each in routes if each]
    calibrator = Platt(slope=0.5, shift=-1.0)
    assert chances == [calibrated(0.9, calibrator), 0.9, 0.8, calibrated(0.8, calibrator)]
