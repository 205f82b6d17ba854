"""What a new policy is fitted on: reviewed live samples of one version of a task, and no others.

Gold, repeats, canaries, evaluations and made-up samples are never among them: they have no outcome,
another provenance, or a run of their own.
"""

from dataclasses import dataclass
from typing import Any

from agents.annotate.corrections import LONGEST, Mistake
from agents.policy.fit import Reviewed
from agents.policy.propose import Past
from models.policy import Score
from models.record import Version
from streams.store.client import Store
from streams.store.figures.scope import ANNOTATED

NEWEST = 20_000
"""Reviewed samples a policy learns from, at most: the newest."""

MISTAKES = 2000
"""Of those, mistakes that corrections are chosen from, at most."""

JUDGE: Score = "judge_score"
OWN: Score = "confidence"


@dataclass(frozen=True)
class Wanted:
    """What to learn from.

    Attributes:
        task: a task's name.
        version: of that task; what another version's prompts led to teaches nothing of this one.
        score: the raw score to be calibrated.
        simulation: what simulated reviewers decided is learnt from, too.
    """

    task: str
    version: Version
    score: Score
    simulation: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The values for the conditions below."""
        return {"task": self.task, "hash": self.version.hash, "simulated": int(self.simulation)}


def past(store: Store, wanted: Wanted) -> Past:
    """All there is to learn from now.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = store.query(_reviewed(wanted), wanted.parameters)
    moments = [row["event_time"] for row in rows]
    return Past(
        score=wanted.score,
        reviewed=[Reviewed(row["raw"], bool(row["right"]), row["pi"]) for row in rows],
        simulated=sum(row["made_up"] for row in rows),
        first=min(moments, default=None),
        last=max(moments, default=None),
        traffic=_traffic(store, wanted),
        mistakes=_mistakes(store, wanted),
        left_out=_left_out(store, wanted),
    )


_SCORES: dict[Score, tuple[str, str]] = {
    "judge_score": ("judge_score", "judge_hash"),
    "confidence": ("confidence", "annotator_hash"),
}
"""The column of each raw score, and that of the version whose scores belong together."""

_LIVE = f"""run = '' AND task = {{task:String}} AND task_hash = {{hash:String}}
    AND provenance = 'live' AND {ANNOTATED}"""

_ASKED = "draw < propensity AND propensity > 0 AND lane NOT IN ('', 'failed', 'gold', 'repeat')"

_OUTCOMES = """
    SELECT result_id, labels, label, simulated FROM outcomes FINAL
    WHERE run = '' AND task = {task:String} AND state = 'reviewed' AND NOT ambiguous"""


def _same_version(wanted: Wanted) -> str:
    """Condition: scored by what scores now; the scores of two judges are not comparable."""
    raw, version = _SCORES[wanted.score]
    return f"""{raw} IS NOT NULL AND {version} = (
        SELECT argMax({version}, event_time) FROM results FINAL
        WHERE {_LIVE} AND {raw} IS NOT NULL)"""


def _reviewed(wanted: Wanted) -> str:
    raw, _ = _SCORES[wanted.score]
    return f"""
        SELECT assumeNotNull(r.raw) AS raw, r.label = o.label AS right, o.simulated AS made_up,
               assumeNotNull(r.propensity) AS pi, r.event_time AS event_time
        FROM (SELECT result_id, {raw} AS raw, toString(label) AS label, propensity, event_time
              FROM results FINAL WHERE {_LIVE} AND {_ASKED} AND {_same_version(wanted)}) AS r
        INNER JOIN ({_OUTCOMES}) AS o ON r.result_id = o.result_id
        WHERE o.simulated <= {{simulated:UInt8}}
        ORDER BY event_time DESC, r.result_id LIMIT {NEWEST}"""


def _traffic(store: Store, wanted: Wanted) -> dict[float | None, int]:
    raw, _ = _SCORES[wanted.score]
    sql = f"""
        SELECT round({raw}, 3) AS raw, count() AS samples FROM results FINAL
        WHERE {_LIVE} AND ({raw} IS NULL OR {_same_version(wanted)}) GROUP BY raw ORDER BY raw"""
    return {row["raw"]: row["samples"] for row in store.query(sql, wanted.parameters)}


def _mistakes(store: Store, wanted: Wanted) -> list[Mistake]:
    sql = f"""
        SELECT s.text AS text, s.context AS context, s.response AS response,
               r.labels AS said, o.labels AS right, 1 / assumeNotNull(r.propensity) AS weight
        FROM (SELECT result_id, sample_key, labels, label, propensity, event_time
              FROM results FINAL WHERE {_LIVE} AND {_ASKED}) AS r
        INNER JOIN ({_OUTCOMES}) AS o ON r.result_id = o.result_id
        INNER JOIN (SELECT sample_key, text, context, response FROM samples FINAL
                    WHERE run = '' AND task = {{task:String}} AND text != ''
                      AND lengthUTF8(text) <= {LONGEST}) AS s ON s.sample_key = r.sample_key
        WHERE o.simulated <= {{simulated:UInt8}} AND toString(r.label) != toString(o.label)
        ORDER BY r.event_time DESC, r.result_id LIMIT {MISTAKES}"""
    return [
        Mistake(
            text=row["text"],
            context=row["context"],
            response=row["response"],
            said=tuple(row["said"]),
            right=tuple(sorted(row["right"])),
            weight=row["weight"],
        )
        for row in store.query(sql, wanted.parameters)
    ]


def _left_out(store: Store, wanted: Wanted) -> int:
    sql = f"""
        SELECT count() AS n FROM ({_OUTCOMES}) AS o
        WHERE o.simulated > {{simulated:UInt8}} AND o.result_id IN (
            SELECT result_id FROM results FINAL WHERE {_LIVE} AND {_ASKED})"""
    return int(store.query(sql, wanted.parameters)[0]["n"])
