"""What people say about the labels, lane by lane and on the audited samples: by outcomes alone."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from agents.quality.intervals import Estimate
from streams.store.client import Store
from streams.store.figures.estimate import looks
from streams.store.figures.scope import ANNOTATED, Scope, outcomes, results

LANE_COLUMNS = [
    *("lane", "simulated", "n", "right", "ambiguous", "undecided"),
    *("value", "low", "high", "kind"),
]

_KNOWN = "o.state = 'reviewed' AND NOT o.ambiguous"
_AMBIGUOUS = "o.state = 'reviewed' AND o.ambiguous"


@dataclass(frozen=True)
class AuditQuality:
    """Accuracy on the audited samples: a plain random sample of all traffic, so it speaks for all.

    Attributes:
        accuracy: how often people agreed on the very same label; `n` counts outcomes with a label.
            Its interval holds at every look while the window is open or one of them is pending, at
            one look after that.
        audited: labelled samples in the audit.
        pending: of those, how many people still have before them; wrong ones may take longer.
        undecided: of those, how many expired or were cancelled: nobody will ever tell.
        ambiguous: people say that there is no label; neither right nor wrong.
        simulated: outcomes in `n` that simulated reviewers had a part in.
    """

    accuracy: Estimate
    audited: int
    pending: int
    undecided: int
    ambiguous: int
    simulated: int


def lane_accuracy(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """How often labels are right in each lane, by whom: `LANE_COLUMNS`.

    The interval holds at every look while the window is open or the lane still waits for somebody,
    at one look after that (`kind`). Only the rows of one lane belong together: lanes pick what to
    look at, so their plain average says nothing of the traffic. `n` counts outcomes with a label.
    """
    sql = f"""
        SELECT toString(o.lane) AS lane, o.simulated AS simulated,
               countIf({_KNOWN}) AS n,
               countIf({_KNOWN} AND o.label = r.label) AS right,
               countIf({_AMBIGUOUS}) AS ambiguous,
               countIf(o.state != 'reviewed') AS undecided
        FROM ({outcomes(scope)}) AS o INNER JOIN ({_labelled(scope)}) AS r
          ON o.result_id = r.result_id
        GROUP BY lane, simulated ORDER BY lane, simulated"""
    waiting = {row["lane"]: row["n"] for row in store.query(_waiting(scope), scope.parameters)}
    records = []
    for row in store.query(sql, scope.parameters):
        e = looks(scope, now, waiting.get(row["lane"], 0)).share(row["right"], row["n"])
        records.append((*row.values(), e.value, e.low, e.high, e.kind))
    return pd.DataFrame(records, columns=LANE_COLUMNS)


def audit_quality(store: Store, scope: Scope, now: datetime) -> AuditQuality:
    """What the audited samples of the scope say, as of now."""
    sql = f"""
        SELECT count() AS audited, countIf(o.state = '') AS pending,
               countIf(o.state NOT IN ('', 'reviewed')) AS undecided,
               countIf({_KNOWN}) AS n,
               countIf({_KNOWN} AND o.label = r.label) AS right,
               countIf({_AMBIGUOUS}) AS ambiguous,
               countIf({_KNOWN} AND o.simulated) AS simulated
        FROM (SELECT * FROM ({_labelled(scope)}) WHERE audit) AS r
        LEFT JOIN ({outcomes(scope)}) AS o ON o.result_id = r.result_id"""
    row = store.query(sql, scope.parameters)[0]
    return AuditQuality(
        accuracy=looks(scope, now, row["pending"]).share(row["right"], row["n"]),
        audited=row["audited"],
        pending=row["pending"],
        undecided=row["undecided"],
        ambiguous=row["ambiguous"],
        simulated=row["simulated"],
    )


def _waiting(scope: Scope) -> str:
    return f"""
        SELECT r.lane AS lane, count() AS n
        FROM (SELECT * FROM ({_labelled(scope)}) WHERE lane != '') AS r
        LEFT ANTI JOIN ({outcomes(scope)}) AS o ON o.result_id = r.result_id
        GROUP BY lane"""


def _labelled(scope: Scope) -> str:
    return f"""
        SELECT result_id, toString(label) AS label, toString(lane) AS lane, audit FROM results FINAL
        WHERE {results(scope)} AND {ANNOTATED}"""
