"""What the labels cost in dollars, tokens and time."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from streams.store.client import Store
from streams.store.figures.scope import ANNOTATED, Scope, results


@dataclass(frozen=True)
class Cost:
    """The price of a scope's answers (annotations and verdicts).

    Attributes:
        known_usd: sum over the answers whose price is known; null when none is.
        answers: all answers.
        priced: answers whose price is known, cached ones included.
        cached: answers taken from the cache, price 0.
        calls: requests to models.
        input_tokens: as far as the endpoints said.
        output_tokens: as far as the endpoints said.
    """

    known_usd: float | None
    answers: int
    priced: int
    cached: int
    calls: int
    input_tokens: int
    output_tokens: int

    @property
    def unpriced(self) -> int:
        """Answers whose price nobody knows; they are not free."""
        return self.answers - self.priced


def cost(store: Store, scope: Scope) -> Cost:
    """What the scope's annotations and verdicts cost."""
    sql = f"""
        SELECT sumOrNull(price) AS known_usd, count() AS answers, count(price) AS priced,
               countIf(from_cache) AS cached, sum(calls) AS calls,
               sum(ifNull(input_tokens, 0)) AS input_tokens,
               sum(ifNull(output_tokens, 0)) AS output_tokens
        FROM (
            SELECT annotation_price_usd AS price, cached AS from_cache, annotation_calls AS calls,
                   annotation_input_tokens AS input_tokens,
                   annotation_output_tokens AS output_tokens
            FROM results FINAL WHERE {results(scope)} AND {ANNOTATED}
            UNION ALL
            SELECT verdict_price_usd, false, verdict_calls, verdict_input_tokens,
                   verdict_output_tokens
            FROM results FINAL WHERE {results(scope)} AND verdict_id != '')"""
    return Cost(**store.query(sql, scope.parameters)[0])


def latencies(store: Store, scope: Scope) -> pd.DataFrame:
    """Milliseconds per step: step, model, n, p50, p95, p99; cached answers took none."""
    percentiles = "quantilesExact(0.5, 0.95, 0.99)"
    parts = (
        ("annotate", "annotator_model", "annotation_latency_ms"),
        ("judge", "judge_model", "verdict_latency_ms"),
    )
    steps = [
        f"""SELECT '{step}' AS step, toString({model}) AS model, count({value}) AS n,
                   {percentiles}({value}) AS p
            FROM results FINAL WHERE {results(scope)} AND {value} IS NOT NULL GROUP BY model"""
        for step, model, value in parts
    ]
    steps.append(
        f"""SELECT 'arrival to stored result' AS step, '' AS model, count() AS n,
                   {percentiles}(toFloat64(dateDiff('millisecond', event_time, stored_at))) AS p
            FROM results FINAL WHERE {results(scope)} HAVING n > 0"""
    )
    sql = f"""
        SELECT step, model, n, p[1] AS p50, p[2] AS p95, p[3] AS p99
        FROM ({" UNION ALL ".join(steps)})
        ORDER BY step = 'arrival to stored result', step, model"""
    return store.frame(sql, scope.parameters)


def spent(store: Store, task: str, since: datetime) -> pd.DataFrame:
    """Spend per UTC day and stage, retried calls included: day, stage, usd, calls, tokens."""
    sql = """
        SELECT day, stage, sum(usd) AS usd, sum(calls) AS calls,
               sum(input_tokens) + sum(output_tokens) AS tokens
        FROM spend FINAL WHERE task = {task:String} AND day >= toDate({since:String})
        GROUP BY day, stage ORDER BY day DESC, stage"""
    return store.frame(sql, {"task": task, "since": since.date().isoformat()})
