"""What there is to choose from: tasks, evaluation runs, versions, slices, and when samples came."""

from dataclasses import dataclass
from datetime import datetime

from streams.store.client import Store
from streams.store.figures.scope import SLICES, Scope, results, tagged

SLICE_LIMIT = 100
TASK_LIMIT = 200


@dataclass(frozen=True)
class Extent:
    """When the first and the last sample came, and how many there are; null without samples."""

    samples: int
    first: datetime | None
    last: datetime | None


def tasks(store: Store) -> tuple[str, ...]:
    """Names of the tasks that samples were met for, at most 200.

    Those with results come first: a sample may name any task at all, and what nobody serves must
    not become what a page opens with.
    """
    sql = f"""
        SELECT task FROM (SELECT DISTINCT task FROM samples WHERE task != '')
        ORDER BY task NOT IN (SELECT DISTINCT task FROM results), task LIMIT {TASK_LIMIT}"""
    return tuple(row["task"] for row in store.query(sql, {}))


def runs(store: Store, task: str) -> tuple[str, ...]:
    """Ids of a task's evaluation runs, newest first."""
    sql = """
        SELECT run FROM samples FINAL WHERE run != '' AND task = {task:String}
        GROUP BY run ORDER BY max(stored_at) DESC, run LIMIT 200"""
    return tuple(row["run"] for row in store.query(sql, {"task": task}))


def extent(store: Store, task: str, run: str) -> Extent:
    """When the samples of a run (or the live traffic) came."""
    sql = """
        SELECT count() AS samples, minOrNull(event_time) AS first, maxOrNull(event_time) AS last
        FROM samples FINAL WHERE run = {run:String} AND task = {task:String}"""
    return Extent(**store.query(sql, {"task": task, "run": run})[0])


def versions(store: Store, scope: Scope) -> tuple[str, ...]:
    """Task versions that produced results in the scope, as `name@hash`, newest first."""
    sql = f"""
        SELECT concat(task_version, '@', task_hash) AS version FROM results FINAL
        WHERE {results(scope)}
        GROUP BY version ORDER BY max(event_time) DESC, version LIMIT 200"""
    return tuple(row["version"] for row in store.query(sql, scope.parameters))


def slices(store: Store, scope: Scope) -> tuple[str, ...]:
    """The scope's slices as `name=value`, the most common first, at most 100."""
    sql = f"""
        SELECT slice FROM samples FINAL ARRAY JOIN {SLICES} AS slice
        WHERE {tagged(scope)}
        GROUP BY slice ORDER BY count() DESC, slice LIMIT {SLICE_LIMIT}"""
    return tuple(row["slice"] for row in store.query(sql, scope.parameters))
