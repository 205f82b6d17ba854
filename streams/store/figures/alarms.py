"""What moved: alarms in their present state, and how far each slice's detectors have warmed up."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from models.drift import Summary
from streams.store.client import Store
from streams.store.figures.scope import FROM, UNTIL, Scope

ALARM_LIMIT = 200


@dataclass(frozen=True)
class AlarmFigure:
    """One alarm as it stands: what moved, from what to what, and on what evidence.

    Attributes:
        raised: event time of the reading that raised it.
        at: event time of its present state.
        since: the estimated moment of the change.
    """

    alarm_id: str
    task: str
    slice: str
    signal: str
    detector: str
    state: str
    direction: str
    raised: datetime
    at: datetime
    since: datetime | None
    before: Summary
    after: Summary
    evidence: float
    threshold: float
    examples: tuple[str, ...]
    by: str
    note: str


def alarms(store: Store, scope: Scope) -> tuple[AlarmFigure, ...]:
    """Alarms raised in the scope's time, newest first, at most 200.

    Alarms watch live traffic: an evaluation run has none. The version does not restrict.
    """
    if scope.run:
        return ()
    sql = f"""
        SELECT *, min(at) OVER (PARTITION BY alarm_id) AS raised FROM alarms FINAL
        WHERE {_watched(scope)}
        ORDER BY indexOf(['open', 'acknowledged', 'closed'], state) DESC, at DESC
        LIMIT 1 BY alarm_id"""
    outer = f"""
        SELECT * FROM ({sql}) WHERE raised >= {FROM} AND raised < {UNTIL}
        ORDER BY raised DESC, alarm_id LIMIT {ALARM_LIMIT}"""
    return tuple(_alarm(row) for row in store.query(outer, scope.parameters))


def warm_up(store: Store, task: str) -> pd.DataFrame:
    """How full each slice's baseline is: slice, collected, needed, warm, at."""
    sql = """
        SELECT slice, collected, needed, warm, at FROM snapshots FINAL
        WHERE task = {task:String} ORDER BY slice != '', collected DESC, slice LIMIT 1000"""
    return store.frame(sql, {"task": task})


def _watched(scope: Scope) -> str:
    parts = ["1"]
    if scope.task:
        parts.append("task = {task:String}")
    if scope.slice:
        parts.append("slice = {slice:String}")
    return " AND ".join(parts)


def _alarm(row: dict[str, Any]) -> AlarmFigure:
    plain = {name: row[name] for name in AlarmFigure.__dataclass_fields__}
    return AlarmFigure(
        **plain
        | {
            "before": Summary.model_validate(json.loads(row["before"])),
            "after": Summary.model_validate(json.loads(row["after"])),
            "examples": tuple(row["examples"]),
        }
    )
