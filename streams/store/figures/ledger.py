"""The ledger: every sample that came in is in exactly one state, and the books balance."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from models.result import STATES, State
from streams.store.client import Store
from streams.store.figures.scope import Scope, facts, or_taskless, tagged

RANKS = str(list(STATES))
"""The states as an SQL array, in order of rank."""


@dataclass(frozen=True)
class Ledger:
    """What came in and what became of it.

    Attributes:
        samples_in: samples met, each key once, unreadable records included.
        states: how many are in each state; the counts sum to `samples_in`.
        unreadable: of those in, how many were no sample at all.
        unbooked: keys with a state that never came in; anything but 0 means lost books.
        strays: dead letters that belong to no sample, such as garbage on a topic between stages;
            they have no place in the books and are counted beside them.
        repeats: later records with a known key by topic; they change no figure.
        reused_ids: ids that came with more than one content.
    """

    samples_in: int
    states: dict[State, int]
    unreadable: int
    unbooked: int
    strays: int
    repeats: dict[str, int]
    reused_ids: int

    @property
    def balanced(self) -> bool:
        """No state belongs to a sample that never came in."""
        return self.unbooked == 0

    @property
    def in_flight(self) -> int:
        """Samples that are not in a final state yet."""
        return self.states["in_flight"]


def ledger(store: Store, scope: Scope) -> Ledger:
    """The scope's books. The version does not restrict: a sample in flight has none yet.

    Records that could not be read belong to no task and are counted under every task.
    """
    parameters = scope.parameters
    counts = store.query(_counts(scope), parameters)
    return Ledger(
        samples_in=sum(row["samples"] for row in counts),
        states={
            state: sum(row["samples"] for row in counts if row["rank"] == number)
            for number, state in enumerate(STATES, start=1)
        },
        unreadable=sum(row["unreadable"] for row in counts),
        unbooked=store.query(_unbooked(scope), parameters)[0]["keys"],
        strays=store.query(_strays(scope), parameters)[0]["letters"],
        repeats={row["topic"]: row["records"] for row in store.query(_repeats(scope), parameters)},
        reused_ids=store.query(_reused(scope), parameters)[0]["ids"],
    )


def stuck(store: Store, scope: Scope, before: datetime) -> pd.DataFrame:
    """Samples in flight since before the given moment: id, sample_key, event_time, stored_at."""
    sql = f"""
        SELECT id, sample_key, event_time, stored_at FROM samples FINAL
        WHERE {or_taskless(tagged(scope))}
          AND stored_at < fromUnixTimestamp64Milli({{before:Int64}}, 'UTC')
          AND sample_key NOT IN (SELECT sample_key FROM ({states(scope)}))
        ORDER BY stored_at, sample_key LIMIT 200"""
    return store.frame(sql, scope.parameters | {"before": round(before.timestamp() * 1000)})


def states(scope: Scope) -> str:
    """SQL of (sample_key, rank): the latest-ranked state of each key; strays have none.

    The rank is the state's place in `models.result.STATES`, counted from 1. An item that was
    cancelled counts as expired: nobody decides it any more.
    """
    where = or_taskless(facts(scope))
    rank = {state: number for number, state in enumerate(STATES, start=1)}
    return f"""
        SELECT sample_key, max(reached) AS rank FROM (
            SELECT sample_key, indexOf({RANKS}, state) AS reached
            FROM results FINAL WHERE {where}
            UNION ALL
            SELECT sample_key, {rank["dead_lettered"]} AS reached
            FROM dead_letters FINAL WHERE {where} AND sample_key != ''
            UNION ALL
            SELECT sample_key, if(state = 'reviewed', {rank["reviewed"]}, {rank["expired"]})
            FROM outcomes FINAL WHERE {where}
        ) GROUP BY sample_key"""


def _counts(scope: Scope) -> str:
    return f"""
        SELECT if(reached.rank = 0, 1, reached.rank) AS rank,
               count() AS samples, countIf(NOT readable) AS unreadable
        FROM (SELECT sample_key, readable FROM samples FINAL
              WHERE {or_taskless(tagged(scope))}) AS met
        LEFT JOIN ({states(scope)}) AS reached ON met.sample_key = reached.sample_key
        GROUP BY rank"""


def _unbooked(scope: Scope) -> str:
    return f"""
        SELECT count() AS keys FROM ({states(scope)})
        WHERE sample_key NOT IN (
            SELECT sample_key FROM samples WHERE run = {{run:String}}
              AND event_time >= fromUnixTimestamp64Milli({{start:Int64}}, 'UTC') - toIntervalDay(1)
              AND event_time < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC') + toIntervalDay(1))"""


def _strays(scope: Scope) -> str:
    return f"""
        SELECT count() AS letters FROM dead_letters FINAL
        WHERE {or_taskless(facts(scope))} AND sample_key = ''"""


def _repeats(scope: Scope) -> str:
    return f"""
        SELECT topic, count() AS records FROM repeats FINAL
        WHERE {or_taskless(facts(scope))} GROUP BY topic ORDER BY topic"""


def _reused(scope: Scope) -> str:
    return f"""
        SELECT count() AS ids FROM (
            SELECT id FROM samples WHERE {tagged(scope)} AND readable
            GROUP BY task, id HAVING uniqExact(sample_key) > 1)"""
