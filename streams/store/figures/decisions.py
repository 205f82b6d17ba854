"""What reviewers' decisions say about the labels, lane by lane and on the audited samples."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from agents.quality.intervals import Estimate
from streams.store.client import Store
from streams.store.figures.estimate import looks
from streams.store.figures.scope import ANNOTATED, Scope, facts, results


@dataclass(frozen=True)
class AuditQuality:
    """Accuracy on the audited samples: a plain random sample of all traffic, so it speaks for all.

    Attributes:
        accuracy: how often the reviewer gave the very same label; `n` counts such decisions. Its
            interval holds at every look while the window is open, at one when it is closed.
        audited: labelled samples in the audit.
        pending: of those, how many nobody has decided yet; wrong ones may take longer.
        ambiguous: decisions without a label; neither right nor wrong.
        simulated: decisions in `n` that were made by simulated reviewers.
    """

    accuracy: Estimate
    audited: int
    pending: int
    ambiguous: int
    simulated: int


def lane_accuracy(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """Agreement with labels: lane, simulated, n, right, ambiguous, value, low, high, kind.

    The interval holds at every look while the window is open, at one when it is closed (`kind`).
    Only the rows of one lane belong together: lanes pick what to look at, so their plain average
    says nothing of the traffic. `n` counts decisions that give a label.
    """
    sql = f"""
        SELECT toString(d.lane) AS lane, d.simulated AS simulated,
               countIf(d.answer = 'label') AS n,
               countIf(d.answer = 'label' AND d.label = r.label) AS right,
               countIf(d.answer = 'ambiguous') AS ambiguous
        FROM ({_decided(scope)}) AS d INNER JOIN ({_labelled(scope)}) AS r
          ON d.result_id = r.result_id
        GROUP BY lane, simulated ORDER BY lane, simulated"""
    share = looks(scope, now).share
    records = []
    for row in store.query(sql, scope.parameters):
        e = share(row["right"], row["n"])
        records.append((*row.values(), e.value, e.low, e.high, e.kind))
    columns = ["lane", "simulated", "n", "right", "ambiguous", "value", "low", "high", "kind"]
    return pd.DataFrame(records, columns=columns)


def audit_quality(store: Store, scope: Scope, now: datetime) -> AuditQuality:
    """What the audited samples of the scope say, as of now."""
    sql = f"""
        SELECT count() AS audited, countIf(d.result_id = '') AS pending,
               countIf(d.answer = 'label') AS n,
               countIf(d.answer = 'label' AND d.label = r.label) AS right,
               countIf(d.answer = 'ambiguous') AS ambiguous,
               countIf(d.answer = 'label' AND d.simulated) AS simulated
        FROM (SELECT * FROM ({_labelled(scope)}) WHERE audit) AS r
        LEFT JOIN (SELECT * FROM ({_decided(scope)})
                   ORDER BY decided_at, decision_id LIMIT 1 BY result_id) AS d
          ON d.result_id = r.result_id"""
    row = store.query(sql, scope.parameters)[0]
    return AuditQuality(
        accuracy=looks(scope, now).share(row["right"], row["n"]),
        audited=row["audited"],
        pending=row["pending"],
        ambiguous=row["ambiguous"],
        simulated=row["simulated"],
    )


def _labelled(scope: Scope) -> str:
    return f"""
        SELECT result_id, toString(label) AS label, audit FROM results FINAL
        WHERE {results(scope)} AND {ANNOTATED}"""


def _decided(scope: Scope) -> str:
    return f"""
        SELECT decision_id, result_id, answer, toString(label) AS label, lane, simulated,
               decided_at
        FROM decisions FINAL WHERE {facts(scope)}"""
