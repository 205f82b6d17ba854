"""One hour of traffic that is small enough to be counted by hand."""

from typing import Any

from models.rows import Row
from streams.store.figures.estimate import SETTLES
from streams.store.figures.scope import Scope
from tests.data_rows import (
    TASK,
    dead_letter_row,
    decided_rows,
    moment,
    result_row,
    review_row,
    sample_row,
)

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
        2: asked_row(s[2], "b", "uncertain", judge_score=0.7, confidence=None, audit=True),
        3: asked_row(s[3], "a", "disagreement", judge_score=0.2, confidence=0.6, audit=True),
        4: asked_row(s[4], "", "failed", **NO_ANSWER),
        9: result_row(s[9], "", state="sampled_out", propensity=None, **NO_ANSWER),
        10: asked_row(s[10], "a", "uncertain", judge_score=0.7, cached=True,
                      annotation_price_usd=0.0, annotation_latency_ms=None, audit=True),
        11: asked_row(s[11], "a", "uncertain", judge_score=0.6, verdict_price_usd=None, audit=True),
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


def asked_row(sample: Row, label: str, lane: str, **changes: object) -> Row:
    """A result that people are asked about; changes replace columns."""
    kept = {"state": "awaiting_review", "lane": lane, "propensity": 0.5, **changes}
    return result_row(sample, label, **kept)
