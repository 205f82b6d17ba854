"""Which traffic a figure is about, as one frozen value and as SQL conditions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

WIDTHS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
"""Bucket widths in seconds, all of them easy to read on an axis."""

BUCKETS = 60
"""How many buckets a timeline has, at most."""


@dataclass(frozen=True)
class Scope:
    """Which samples a figure counts: all conditions hold together, empty ones do not restrict.

    Attributes:
        start: first event time counted (aware).
        end: first event time no longer counted (aware).
        task: a task's name.
        run: an evaluation run's id; empty is the deployment's own live traffic.
        version: a task version as `name@hash`.
        slice: a tag as `name=value`.
        buckets: how many buckets a timeline has, at most.
    """

    start: datetime
    end: datetime
    task: str = ""
    run: str = ""
    version: str = ""
    slice: str = ""
    buckets: int = BUCKETS

    @property
    def bucket_seconds(self) -> int:
        """The narrowest readable width that needs no more buckets than wanted.

        >>> from datetime import UTC, datetime
        >>> Scope(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)).bucket_seconds
        1800
        """
        span = (self.end - self.start).total_seconds()
        return next((width for width in WIDTHS if span <= width * self.buckets), WIDTHS[-1])

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The time that the buckets cover: from the beginning of the first one.

        >>> from datetime import UTC, datetime
        >>> at = datetime(2026, 1, 1, 12, 0, 7, tzinfo=UTC)
        >>> first, _ = Scope(at, at.replace(minute=5), buckets=8).span
        >>> f"{first:%H:%M:%S}"
        '12:00:00'
        """
        seconds = self.start.timestamp()
        return datetime.fromtimestamp(seconds - seconds % self.bucket_seconds, UTC), self.end

    @property
    def parameters(self) -> dict[str, Any]:
        """The values for the conditions below."""
        return {
            "task": self.task,
            "run": self.run,
            "version": self.version,
            "slice": self.slice,
            "start": _milliseconds(self.start),
            "end": _milliseconds(self.end),
            "bucket": self.bucket_seconds,
        }


def bucket_of(moment: str, seconds: str = "{bucket:UInt32}") -> str:
    """SQL of the start of the bucket that a moment falls in."""
    return (
        f"toDateTime64(toStartOfInterval({moment}, toIntervalSecond({seconds}), 'UTC'), 3, 'UTC')"
    )


AT = bucket_of("event_time")

FROM = "fromUnixTimestamp64Milli({start:Int64}, 'UTC')"
UNTIL = "fromUnixTimestamp64Milli({end:Int64}, 'UTC')"

SLICES = "arrayMap((name, value) -> concat(name, '=', value), mapKeys(tags), mapValues(tags))"
"""A sample's slices as `name=value`."""

ANNOTATED = "annotation_id != ''"


def facts(scope: Scope, moment: str = "event_time") -> str:
    """Condition on any table that has a run, a task and the sample's event time.

    Figures of people's work go by the `moment` they worked at, another column.
    """
    return f"{whenever(scope)} AND {moment} >= {FROM} AND {moment} < {UNTIL}"


def whenever(scope: Scope) -> str:
    """The same condition without the time."""
    return f"run = {{run:String}}{' AND task = {task:String}' if scope.task else ''}"


def tagged(scope: Scope) -> str:
    """Condition on `samples` or `results`: provenance and slice too.

    Live figures count live traffic alone: canaries and synthetic samples are not production.
    """
    parts = [facts(scope)]
    if not scope.run:
        parts.append("provenance = 'live'")
    if scope.slice:
        parts.append(f"has({SLICES}, {{slice:String}})")
    return " AND ".join(parts)


def or_taskless(condition: str) -> str:
    """The condition, opened to records that could not be read: they belong to no task."""
    return condition.replace("task = {task:String}", "task IN ({task:String}, '')")


def results(scope: Scope) -> str:
    """Condition on `results`: the task version too."""
    if not scope.version:
        return tagged(scope)
    return f"{tagged(scope)} AND concat(task_version, '@', task_hash) = {{version:String}}"


def outcomes(scope: Scope) -> str:
    """SQL of what the scope's results came to that people were asked about.

    Columns: result_id, state, ambiguous, label (empty unless people agreed on one), lane,
    simulated. Gold and repeats have no outcome, so they never come into an estimate.
    """
    return f"""
        SELECT result_id, toString(state) AS state, ambiguous, toString(label) AS label, lane,
               simulated
        FROM outcomes FINAL WHERE {facts(scope)}"""


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
