"""A judged sample and the policy it names → what becomes of it. Pure: every replay is equal."""

from agents.route.propensity import calibrated, propensity, value_of_review
from models.drift import WHOLE_TASK, Reading
from models.identity import digest, draw
from models.policy import Policy, Score
from models.result import Lane, Result, Route, State
from models.review import ReviewTask
from models.verdict import Judged

SALT = "route"


def route(judged: Judged, policy: Policy) -> Result:
    """The result of one sample.

    Args:
        judged: the message from `verdicts`.
        policy: the policy that message names.
    """
    chosen = _route(judged, policy)
    body = judged.model_dump(exclude={"schema_version"})
    return Result(**body, result_id=_result_id(judged), state=_state(judged, chosen), route=chosen)


def review_task(result: Result) -> ReviewTask | None:
    """What people are asked, none when nothing is; the reference stays behind."""
    decided = result.route
    if decided is None or decided.lane is None or result.sample.provenance != "live":
        return None
    return ReviewTask(
        result_id=result.result_id,
        sample_key=result.sample_key,
        source=result.source,
        sample=result.sample.model_copy(update={"reference": None}),
        task=result.task,
        suggestion=result.annotation.labels if result.annotation else (),
        lane=decided.lane,
        propensity=decided.propensity,
        audit=decided.audit,
        value=value_of_review(decided.p_correct),
    )


def readings(result: Result, policy: Policy) -> tuple[Reading, ...]:
    """What the detectors get of one sample: the whole task and each of its slices."""
    if result.annotation is None or result.sample.provenance != "live":
        return ()
    slices = (WHOLE_TASK, *policy.slices_of(result.sample.tags))
    return tuple(
        Reading(
            task=result.sample.task,
            slice=name,
            sample_key=result.sample_key,
            source=result.source,
            label=result.annotation.label,
            confidence=result.annotation.confidence,
            judge_score=result.verdict.p_correct if result.verdict else None,
        )
        for name in slices
    )


def _result_id(judged: Judged) -> str:
    annotation = judged.annotation.annotation_id if judged.annotation else ""
    verdict = judged.verdict.verdict_id if judged.verdict else ""
    return digest("result", judged.sample_key, annotation, verdict, judged.policy.hash)


def _route(judged: Judged, policy: Policy) -> Route | None:
    missing = judged.annotation_missing
    if missing is not None and missing.why != "failed":
        return None
    chance = draw(judged.sample_key, SALT)
    audit = chance < policy.audit
    if judged.annotation is None:
        return Route(lane="failed", propensity=1.0, draw=chance, audit=audit, p_correct=None)
    p_correct = _p_correct(judged, policy)
    always = policy.always_review.intersection(judged.annotation.labels)
    floor = _floor(judged, policy)
    pi = 1.0 if always else propensity(p_correct, policy, floor)
    lane: Lane | None = None
    if chance < pi:
        lane = "policy" if always else _reason(judged)
    return Route(lane=lane, propensity=pi, draw=chance, audit=audit, p_correct=p_correct)


def _p_correct(judged: Judged, policy: Policy) -> float | None:
    """The judge's raw score, or without a verdict the annotator's own; calibrated if fitted for."""
    name: Score = "judge_score" if judged.verdict else "confidence"
    raw = judged.verdict.p_correct if judged.verdict else _confidence(judged)
    if raw is None or policy.calibrates != name:
        return raw
    return calibrated(raw, policy.calibrator)


def _confidence(judged: Judged) -> float | None:
    return judged.annotation.confidence if judged.annotation else None


def _floor(judged: Judged, policy: Policy) -> float:
    names = policy.slices_of(judged.sample.tags)
    return max((policy.floors.get(name, 0.0) for name in names), default=0.0)


def _reason(judged: Judged) -> Lane:
    verdict, annotation = judged.verdict, judged.annotation
    if verdict and annotation and verdict.label and verdict.label != annotation.label:
        return "disagreement"
    return "uncertain"


def _state(judged: Judged, chosen: Route | None) -> State:
    missing = judged.annotation_missing
    if missing is not None and missing.why == "over_budget":
        return "over_budget"
    if chosen is None:
        return "sampled_out"
    return "awaiting_review" if chosen.lane else "accepted"
