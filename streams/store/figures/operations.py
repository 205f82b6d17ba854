"""Whether the machine is healthy: stages, dead letters, controls."""

from datetime import datetime

import pandas as pd

from models.settings import TRIAL_SLOT
from streams.store.client import Store
from streams.store.figures.scope import FROM, UNTIL, Scope, bucket_of, facts, or_taskless

SILENT_SECONDS = 45
"""A stage that wrote no health for this long is silent (it writes every ten seconds)."""


def stages(store: Store, now: datetime) -> pd.DataFrame:
    """The latest health of each stage and slot seen in the last day, one row each; no evaluation's.

    All columns of `stage_health` and: per_second (received per second between its last two rows,
    null for its first), age_seconds, silent.
    """
    sql = f"""
        SELECT *, {_RATE} AS per_second, dateDiff('millisecond', at, moment) / 1000 AS age_seconds,
               age_seconds > {SILENT_SECONDS} AS silent
        FROM (
            SELECT *, fromUnixTimestamp64Milli({{now:Int64}}, 'UTC') AS moment,
                   lagInFrame(toNullable(received)) OVER earlier AS before_received,
                   lagInFrame(toNullable(at)) OVER earlier AS before_at
            FROM (SELECT DISTINCT * FROM stage_health WHERE slot != {{trial:String}}
                  AND at > fromUnixTimestamp64Milli({{now:Int64}}, 'UTC') - toIntervalDay(1))
            WINDOW earlier AS (PARTITION BY stage, slot, session ORDER BY at
                               ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
        ORDER BY at DESC LIMIT 1 BY stage, slot"""
    columns = "before_received, before_at, moment"
    ordered = f"SELECT * EXCEPT ({columns}) FROM ({sql}) ORDER BY stage, slot"
    parameters = {"now": round(now.timestamp() * 1000), "trial": TRIAL_SLOT}
    return store.frame(ordered, parameters)


def stage_history(store: Store, scope: Scope) -> pd.DataFrame:
    """Health over time per stage, slots added up: at, stage, per_second, lag, in_flight, errors.

    Buckets last half a minute at least. Rates and errors are differences between successive rows of
    one process; evaluations have none here.
    """
    at = bucket_of("at", "greatest({bucket:UInt32}, 30)")
    sql = f"""
        SELECT at, stage, sum(rate) AS per_second, sum(lag) AS lag, sum(in_flight) AS in_flight,
               sum(errors) AS errors
        FROM (
            SELECT bucket AS at, toString(stage) AS stage, slot, avg(per_second) AS rate,
                   avg(lag) AS lag, avg(in_flight) AS in_flight, sum(new_errors) AS errors
            FROM (
                SELECT {at} AS bucket, stage, slot, lag, in_flight, {_RATE} AS per_second,
                       greatest(toInt64(errors) - toInt64(ifNull(before_errors, errors)), 0)
                           AS new_errors
                FROM (
                    SELECT *, lagInFrame(toNullable(received)) OVER earlier AS before_received,
                           lagInFrame(toNullable(errors)) OVER earlier AS before_errors,
                           lagInFrame(toNullable(at)) OVER earlier AS before_at
                    FROM (SELECT DISTINCT * FROM stage_health WHERE slot != {{trial:String}}
                          AND at >= {FROM} AND at < {UNTIL})
                    WINDOW earlier AS (PARTITION BY stage, slot, session ORDER BY at
                                       ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)))
            GROUP BY bucket, stage, slot)
        GROUP BY at, stage ORDER BY at, stage"""
    return store.frame(sql, scope.parameters | {"trial": TRIAL_SLOT})


_RATE = """(toInt64(received) - toInt64(before_received))
    / nullIf(dateDiff('millisecond', before_at, at) / 1000, 0)"""


def dead_letters(store: Store, scope: Scope) -> pd.DataFrame:
    """Dead letters by stage and error: stage, error, letters, truncated, last, detail."""
    sql = f"""
        SELECT toString(stage) AS stage, toString(error) AS error, count() AS letters,
               countIf(NOT complete) AS truncated, max(d.at) AS last, argMax(detail, d.at) AS detail
        FROM dead_letters AS d FINAL WHERE {or_taskless(facts(scope))}
        GROUP BY stage, error ORDER BY letters DESC, stage, error LIMIT 200"""
    return store.frame(sql, scope.parameters)


def latest_dead_letters(store: Store, scope: Scope) -> pd.DataFrame:
    """The newest 200 dead letters: when, where, why, and their keys."""
    sql = f"""
        SELECT at, stage, error, detail, topic, partition, offset, attempts, replays, length,
               complete, letter_id, sample_key
        FROM dead_letters FINAL WHERE {or_taskless(facts(scope))}
        ORDER BY at DESC, letter_id LIMIT 200"""
    return store.frame(sql, scope.parameters)


def controls(store: Store) -> pd.DataFrame:
    """Tasks that are paused or stopped: task, action, at, by, note."""
    sql = """
        SELECT * FROM (SELECT task, action, at, by, note FROM controls
                       ORDER BY at DESC LIMIT 1 BY task)
        WHERE action != 'run' ORDER BY task"""
    return store.frame(sql, {})
