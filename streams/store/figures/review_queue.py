"""What waits for people, how fast it comes and goes, how long it takes, when it will be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from agents.quality.forecast import Forecast, Pace, forecast, present_pace
from agents.quality.quantiles import quantile
from streams.store.client import Store
from streams.store.figures.scope import Scope, bucket_of, facts, whenever

AGES: Mapping[str, float] = {
    "under 1 h": 1,
    "1 to 4 h": 4,
    "4 to 24 h": 24,
    "1 to 3 days": 72,
    "over 3 days": float("inf"),
}
"""How long items have waited, in classes: the hours that each ends at."""

ASKED, DECIDED, SIMULATED, ENDED = "asked", "decided", "decided (simulated)", "expired or cancelled"
FLOWS = (ASKED, DECIDED, SIMULATED, ENDED)

LOOKS_BACK = (1.0, 4.0, 24.0)
"""Hours that a pace may be taken over."""

SHORTEST = 1 / 12
"""Hours of a pace at least: five minutes after the first item nothing is known of any."""

ALL_LANES = "(all)"

OLDEST = 20
WAITS = 50_000
"""Newest waiting times that a quantile is taken over, for each lane."""


@dataclass(frozen=True)
class Outlook:
    """When the queue will be empty, by its present pace.

    Attributes:
        simulated: decisions of the pace that simulated reviewers had a part in.
    """

    forecast: Forecast
    simulated: int


def waiting(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """Items that wait now, whenever they came: lane, age (a class), samples, oldest; all lanes.

    An item waits until its outcome is known here: also while somebody holds it, or can still undo.
    """
    *younger, (eldest, _) = AGES.items()
    classes = ", ".join(f"waited < {hours * 3600:g}, '{age}'" for age, hours in younger)
    sql = f"""
        SELECT lane, multiIf({classes}, '{eldest}') AS age, count() AS samples,
               min(event_time) AS oldest
        FROM (SELECT toString(lane) AS lane, event_time,
                     ({{now:Int64}} - toUnixTimestamp64Milli(event_time)) / 1000 AS waited
              FROM ({_waiting(scope)}))
        GROUP BY lane, age ORDER BY lane, oldest DESC"""
    return store.frame(sql, _parameters(scope, now))


def oldest(store: Store, scope: Scope) -> pd.DataFrame:
    """The twenty items that have waited longest: event_time, lane, sample_key."""
    sql = f"""
        SELECT event_time, toString(lane) AS lane, sample_key FROM ({_waiting(scope)})
        ORDER BY event_time, sample_key LIMIT {OLDEST}"""
    return store.frame(sql, scope.parameters)


def flow(store: Store, scope: Scope) -> pd.DataFrame:
    """What came to the queue and left it per bucket: at, what (one of `FLOWS`), samples.

    Buckets in which nothing happened are there with 0, for the flows that there are at all.
    """
    sql = f"""
        SELECT bucket AS at, what, count() AS samples FROM (
            SELECT {bucket_of("event_time")} AS bucket, '{ASKED}' AS what
            FROM reviews FINAL WHERE {facts(scope)}
            UNION ALL
            SELECT {bucket_of("outcomes.at")} AS bucket,
                   multiIf(state != 'reviewed', '{ENDED}', simulated, '{SIMULATED}', '{DECIDED}')
            FROM outcomes FINAL WHERE {facts(scope, "outcomes.at")})
        GROUP BY at, what ORDER BY at, what"""
    found = store.query(sql, scope.parameters)
    counts = {(row["at"], row["what"]): row["samples"] for row in found}
    flows = [what for what in FLOWS if any(each == what for _, each in counts)]
    records = [(at, what, counts.get((at, what), 0)) for at in _buckets(scope) for what in flows]
    return pd.DataFrame(records, columns=["at", "what", "samples"])


def waits(store: Store, scope: Scope) -> pd.DataFrame:
    """Seconds from a sample's arrival to its outcome, by lane, of items reviewed in the scope.

    Columns: lane, simulated, n, median, median_low, median_high, p90, p90_low, p90_high; intervals
    for one look, ends null where there are too few. `ALL_LANES` takes them together. Items still
    waiting are not in it: where many are, the true waiting time is longer.
    """
    sql = f"""
        SELECT lane, simulated, arraySort(groupArray({WAITS})(seconds)) AS waited FROM (
            SELECT toString(lane) AS lane, simulated, result_id,
                   greatest(dateDiff('millisecond', event_time, outcomes.at), 0) / 1000 AS seconds
            FROM outcomes FINAL WHERE {facts(scope, "outcomes.at")} AND state = 'reviewed'
            ORDER BY outcomes.at DESC, result_id)
        GROUP BY GROUPING SETS ((lane, simulated), (simulated))
        ORDER BY simulated, lane"""
    records = []
    for row in store.query(sql, scope.parameters):
        middle, slow = quantile(row["waited"], 0.5), quantile(row["waited"], 0.9)
        ends = (middle.value, middle.low, middle.high, slow.value, slow.low, slow.high)
        records.append((row["lane"] or ALL_LANES, row["simulated"], middle.n, *ends))
    quantiles = [f"{name}{end}" for name in ("median", "p90") for end in ("", "_low", "_high")]
    return pd.DataFrame(records, columns=["lane", "simulated", "n", *quantiles])


def outlook(store: Store, scope: Scope, now: datetime) -> Outlook | None:
    """What becomes of the queue from now on; null when nobody was ever asked.

    Decisions are items that people have decided: those that expired are no work done. A pace is
    never taken over more time than there is.
    """
    parameters = _parameters(scope, now)
    begun = f"SELECT minOrNull(event_time) AS at FROM reviews WHERE {whenever(scope)}"
    first = store.query(begun, parameters)[0]["at"]
    if first is None:
        return None
    total = store.query(f"SELECT count() AS n FROM ({_waiting(scope)})", parameters)[0]["n"]
    most = max((now - first) / timedelta(hours=1), SHORTEST)
    paces = {}
    for hours in LOOKS_BACK:
        row = store.query(_pace(scope, hours), parameters)[0]
        pace = Pace(min(hours, most), row["arrived"], row["decided"])
        paces[pace] = row["simulated"]
    taken = present_pace(list(paces))
    return Outlook(forecast(total, taken), paces[taken])


def _pace(scope: Scope, hours: float) -> str:
    came = f"{whenever(scope)} AND {_since('event_time', hours)}"
    went = f"{whenever(scope)} AND {_since('outcomes.at', hours)} AND state = 'reviewed'"
    return f"""
        SELECT (SELECT count() FROM reviews FINAL WHERE {came}) AS arrived,
               count() AS decided, countIf(simulated) AS simulated
        FROM outcomes FINAL WHERE {went}"""


def _since(moment: str, hours: float) -> str:
    now = "fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
    return f"{moment} >= {now} - toIntervalMinute({round(hours * 60)}) AND {moment} < {now}"


def _waiting(scope: Scope) -> str:
    return f"""
        SELECT result_id, sample_key, lane, event_time FROM reviews FINAL
        WHERE {whenever(scope)} AND result_id NOT IN (
            SELECT result_id FROM outcomes FINAL WHERE {whenever(scope)})"""


def _parameters(scope: Scope, now: datetime) -> dict[str, object]:
    return scope.parameters | {"now": round(now.timestamp() * 1000)}


def _buckets(scope: Scope) -> list[datetime]:
    first, end = scope.span
    width = timedelta(seconds=scope.bucket_seconds)
    return [first + number * width for number in range(-(-(end - first) // width))]
