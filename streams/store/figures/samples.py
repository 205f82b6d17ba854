"""Searching samples: by text, id, label, lane, state, score; page after page by key."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from streams.store.client import Store
from streams.store.figures.ledger import RANKS, states
from streams.store.figures.scope import Scope, or_taskless, results, tagged

PAGE = 50
EXCERPT = 200


@dataclass(frozen=True)
class Search:
    """What to look for; empty and null conditions do not restrict.

    Attributes:
        text: a piece of the sample's text, in any case.
        id: the sample's exact id.
        lane: a lane, or `audit` for the audited samples.
        state: one of the ledger's states.
        judge_low: lowest judge score wanted, inclusive.
        judge_high: highest judge score wanted, inclusive.
    """

    text: str = ""
    id: str = ""
    label: str = ""
    lane: str = ""
    state: str = ""
    judge_low: float | None = None
    judge_high: float | None = None


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the event time (ms) and key of its last sample."""

    at: int
    sample_key: str

    def __str__(self) -> str:
        """As it stands in a link."""
        return f"{self.at}-{self.sample_key}"


@dataclass(frozen=True)
class Page:
    """Up to 50 samples, newest first, and where the next page begins (null on the last one)."""

    samples: pd.DataFrame
    following: Cursor | None


def search(store: Store, scope: Scope, wanted: Search, after: Cursor | None = None) -> Page:
    """One page of samples that meet every condition.

    Columns: event_time, id, text (excerpt), state, label, confidence, judge_score, lane,
    propensity, audit, sample_key. The time of a page does not grow with its number.
    """
    parameters = scope.parameters | _parameters(wanted)
    if after:
        parameters |= {"after_at": after.at, "after_key": after.sample_key}
    keys = store.query(_keys(scope, wanted, after), parameters)
    page = keys[:PAGE]
    last = page[-1] if len(keys) > PAGE else None
    following = Cursor(last["ms"], last["sample_key"]) if last else None
    parameters["keys"] = [row["sample_key"] for row in page]
    return Page(store.frame(_details(scope), parameters), following)


def _parameters(wanted: Search) -> dict[str, Any]:
    return {
        "text": wanted.text,
        "id": wanted.id,
        "label": wanted.label,
        "lane": wanted.lane,
        "state": wanted.state,
        "low": 0.0 if wanted.judge_low is None else wanted.judge_low,
        "high": 1.0 if wanted.judge_high is None else wanted.judge_high,
    }


def _keys(scope: Scope, wanted: Search, after: Cursor | None) -> str:
    parts = [or_taskless(tagged(scope))]
    if wanted.text:
        parts.append("positionCaseInsensitiveUTF8(text, {text:String}) > 0")
    if wanted.id:
        parts.append("id = {id:String}")
    if about := _result_conditions(wanted, scope):
        parts.append(
            "sample_key IN (SELECT sample_key FROM results FINAL"
            f" WHERE {results(scope)} AND {about})"
        )
    parts.extend(_state_condition(scope, wanted.state))
    if after:
        parts.append(
            "(toUnixTimestamp64Milli(event_time), sample_key)"
            " < ({after_at:Int64}, {after_key:String})"
        )
    return f"""
        SELECT sample_key, toUnixTimestamp64Milli(event_time) AS ms FROM samples FINAL
        WHERE {" AND ".join(parts)}
        ORDER BY ms DESC, sample_key DESC LIMIT {PAGE + 1}"""


def _result_conditions(wanted: Search, scope: Scope) -> str:
    parts = ["1"] if scope.version else []
    if wanted.label:
        parts.append("(label = {label:String} OR has(labels, {label:String}))")
    if wanted.lane:
        parts.append("audit" if wanted.lane == "audit" else "lane = {lane:String}")
    if wanted.judge_low is not None or wanted.judge_high is not None:
        parts.append("judge_score BETWEEN {low:Float64} AND {high:Float64}")
    return " AND ".join(parts)


def _state_condition(scope: Scope, state: str) -> list[str]:
    if not state:
        return []
    if state == "in_flight":
        return [f"sample_key NOT IN (SELECT sample_key FROM ({states(scope)}))"]
    return [
        f"""sample_key IN (SELECT sample_key FROM ({states(scope)})
            WHERE rank = indexOf({RANKS}, {{state:String}}))"""
    ]


def _details(scope: Scope) -> str:
    page = "sample_key IN {keys:Array(String)}"
    return f"""
        SELECT s.event_time AS event_time, s.id AS id, s.excerpt AS text,
               if(reached.rank = 0, 'in_flight',
                  arrayElement({RANKS}, toUInt32(reached.rank))) AS state,
               r.label AS label, r.confidence AS confidence, r.judge_score AS judge_score,
               r.lane AS lane, r.propensity AS propensity, r.audit AS audit,
               s.sample_key AS sample_key
        FROM (SELECT event_time, id, substringUTF8(text, 1, {EXCERPT}) AS excerpt, sample_key
              FROM samples FINAL WHERE {or_taskless(tagged(scope))} AND {page}) AS s
        LEFT JOIN (SELECT * FROM ({states(scope)}) WHERE {page}) AS reached
          ON reached.sample_key = s.sample_key
        LEFT JOIN (SELECT sample_key, toString(label) AS label, confidence, judge_score,
                          toString(lane) AS lane, propensity, audit
                   FROM results FINAL WHERE {tagged(scope)} AND {page}) AS r
          ON r.sample_key = s.sample_key
        ORDER BY s.event_time DESC, s.sample_key DESC"""
