"""How reviewers work: how much, how fast, how well on gold, how steadily, who agrees with whom.

Simulated reviewers are never counted together with people.
"""

from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from agents.quality.agreement import Unit, cohen_kappa, krippendorff_alpha
from agents.quality.intervals import Estimate
from agents.quality.quantiles import quantile
from streams.store.client import Store
from streams.store.figures.estimate import looks
from streams.store.figures.scope import Scope, facts

PEOPLE_LIMIT = 200
PAIR_LIMIT = 100
UNIT_LIMIT = 5_000
"""Items that an alpha is taken over: the last decided, by people or by simulated reviewers."""

TIMES = 50_000
"""Answers of one reviewer that the median of their seconds is taken over, at most."""

SEED = 20260101

# an empty label is an answer of its own: that there is none to give
_OF_SAMPLES = "role NOT IN ('gold', 'repeat')"
_SIDE_BY_SIDE = "role NOT IN ('gold', 'repeat', 'adjudication')"
_RIGHT = "answer = 'label' AND arraySort(labels) = arraySort(against)"


def reviewers(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """One row for each reviewer who answered in the scope, people first; at most 200.

    Columns: reviewer, simulated, answers (of any role), decisions (on samples), ambiguous (of
    those), bulk (share of the answers), seconds (median) and its `_low`, `_high`, `_n`; then with
    `_low`, `_high`, `_n` each: gold (share of gold answered as known), steady (share of repeats
    answered as before); kind of those two's intervals; last (answer's moment). An ambiguous answer
    to gold is a wrong one: its labels are known.
    """
    sql = f"""
        SELECT toString(reviewer) AS reviewer, simulated, count() AS answers,
               countIf({_OF_SAMPLES}) AS decisions,
               countIf({_OF_SAMPLES} AND answer = 'ambiguous') AS ambiguous,
               countIf(bulk) / answers AS bulk,
               arraySort(groupArray({TIMES})(seconds)) AS times,
               countIf(role = 'gold' AND measured) AS gold_n,
               countIf(role = 'gold' AND measured AND {_RIGHT}) AS gold_right,
               countIf(role = 'repeat' AND measured) AS steady_n,
               countIf(role = 'repeat' AND measured AND {_RIGHT}) AS steady_right,
               max(decided_at) AS last
        FROM decisions FINAL WHERE {facts(scope, "decided_at")}
        GROUP BY reviewer, simulated
        ORDER BY simulated, answers DESC, reviewer LIMIT {PEOPLE_LIMIT}"""
    share = looks(scope, now).share
    records = []
    for row in store.query(sql, scope.parameters):
        gold = share(row["gold_right"], row["gold_n"])
        steady = share(row["steady_right"], row["steady_n"])
        plain = ("reviewer", "simulated", "answers", "decisions", "ambiguous", "bulk")
        records.append(
            {name: row[name] for name in plain}
            | _cells("seconds", quantile(row["times"], 0.5))
            | _cells("gold", gold)
            | _cells("steady", steady)
            | {"kind": gold.kind, "last": row["last"]}
        )
    return pd.DataFrame(records)


def pairs(store: Store, scope: Scope) -> pd.DataFrame:
    """Agreement of each two reviewers on what both answered in the scope; at most 100 pairs.

    Columns: one, other, simulated, n, then with `_low`, `_high` each: agreement (share), kappa;
    intervals for one look. Those with most in common come first. Adjudication is left out: it was
    asked for because others differed.
    """
    said = _said(scope)
    sql = f"""
        SELECT a.reviewer AS one, b.reviewer AS other, a.simulated AS simulated,
               a.label AS one_said, b.label AS other_said, count() AS samples
        FROM ({said}) AS a INNER JOIN ({said}) AS b
          ON a.result_id = b.result_id AND a.simulated = b.simulated
        WHERE a.reviewer < b.reviewer
        GROUP BY one, other, simulated, one_said, other_said"""
    tables: dict[tuple[bool, str, str], Counter[tuple[str, str]]] = {}
    for row in store.query(sql, scope.parameters):
        table = tables.setdefault((row["simulated"], row["one"], row["other"]), Counter())
        table[row["one_said"], row["other_said"]] += row["samples"]
    order = sorted(tables, key=lambda pair: (pair[0], -tables[pair].total(), *pair[1:]))
    records = []
    for simulated, one, other in order[:PAIR_LIMIT]:
        found = cohen_kappa(tables[simulated, one, other])
        who = {"one": one, "other": other, "simulated": simulated, "n": found.agreement.n}
        cells = _cells("agreement", found.agreement) | _cells("kappa", found.kappa)
        records.append({**who, **{k: v for k, v in cells.items() if not k.endswith("_n")}})
    return pd.DataFrame(records)


def alphas(store: Store, scope: Scope) -> pd.DataFrame:
    """Krippendorff's alpha over all reviewers: simulated, weighted, value, low, high, n (items).

    Unweighted it speaks of the items that people were asked about. Weighted by the inverse of each
    item's recorded probability of review it speaks of all traffic: routing prefers hard items, on
    which people agree less. Intervals for one look.
    """
    sql = f"""
        SELECT * FROM (
            SELECT result_id, simulated, groupArray(label) AS labels, any(propensity) AS pi
            FROM ({_said(scope)}) GROUP BY result_id, simulated HAVING count() > 1
            ORDER BY max(decided_at) DESC, result_id LIMIT {UNIT_LIMIT} BY simulated)
        ORDER BY result_id"""
    rows = store.query(sql, scope.parameters)
    records = []
    for simulated in (False, True):
        mine = [row for row in rows if row["simulated"] == simulated]
        for weighted, weight in ((False, _itself), (True, _traffic_behind)):
            units = [Unit(Counter(row["labels"]), weight(row["pi"])) for row in mine]
            e = krippendorff_alpha(units, np.random.default_rng(SEED))
            if e.n:
                records.append((simulated, weighted, e.value, e.low, e.high, e.n))
    columns = ["simulated", "weighted", "value", "low", "high", "n"]
    return pd.DataFrame(records, columns=columns)


def _said(scope: Scope) -> str:
    return f"""
        SELECT result_id, toString(reviewer) AS reviewer, simulated, toString(label) AS label,
               propensity, decided_at
        FROM decisions FINAL WHERE {facts(scope, "decided_at")} AND {_SIDE_BY_SIDE}"""


def _itself(_: float) -> float:
    return 1.0


def _traffic_behind(propensity: float) -> float:
    return 1 / propensity if propensity > 0 else 1.0


def _cells(name: str, e: Estimate) -> dict[str, Any]:
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high, f"{name}_n": e.n}
