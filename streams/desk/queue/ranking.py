"""Items follow their task's file: how they rank, and what they ask for when it came after them."""

from collections.abc import Mapping

from sqlalchemy import Connection, case, select, update

from agents.desk.pools import pool_of
from agents.desk.rank import standing_rank
from models.review import ReviewTask
from models.task import Ranking, Review, Task
from streams.desk.queue.encoding import HOUR_MS, packed
from streams.desk.queue.moving import item_of
from streams.desk.schema import contents, items, plans

BATCH = 500


def columns_of(task: ReviewTask, review: Review, enqueued_at: int) -> dict[str, object]:
    """The columns of an item that its task's file decides."""
    hours = enqueued_at / HOUR_MS
    return {
        "pool": pool_of(task.sample.tags, review.pools),
        "rank": standing_rank(task.value, task.lane, hours, review.ranking),
        "adjudicate": review.adjudicate,
        "reviewers": review.reviewers,
        "wanted": review.reviewers,
        "free": review.reviewers,
        "due_at": enqueued_at + round(review.due_hours * HOUR_MS),
    }


def follow(db: Connection, tasks: Mapping[str, Task]) -> None:
    """Rank waiting items anew where a task's weights have changed, plan those that had no file.

    Planned items keep their pool, due date and number of reviewers.
    """
    stored = {row.task: row.ranking for row in db.execute(select(plans))}
    for name, task in tasks.items():
        wanted = packed(task.review.ranking.model_dump(mode="json"))
        if name not in stored:
            db.execute(plans.insert(), {"task": name, "ranking": wanted})
        elif stored[name] != wanted:
            db.execute(update(plans).where(plans.c.task == name).values(ranking=wanted))
            _rank_anew(db, name, task.review.ranking)
        while _plan_some(db, name, task.review):
            pass


def _rank_anew(db: Connection, task: str, ranking: Ranking) -> None:
    lanes = [(items.c.lane == lane, weight) for lane, weight in ranking.lanes.items()]
    lane = case(*lanes, else_=0.0) if lanes else 0.0
    age = items.c.enqueued_at / float(HOUR_MS) * ranking.age
    waits = (items.c.task == task, items.c.closed_at.is_(None))
    db.execute(update(items).where(*waits).values(rank=items.c.value * ranking.value + lane - age))


def _plan_some(db: Connection, task: str, review: Review) -> int:
    """Another desk, that has the file already, may be lending them: their places are kept."""
    query = (
        select(items, contents.c.body)
        .join(contents)
        .where(items.c.task == task, items.c.closed_at.is_(None), items.c.planned.is_(False))
        .order_by(items.c.id)
        .limit(BATCH)
    )
    found = list(db.execute(query.with_for_update(of=items, key_share=True)))
    for row in found:
        columns = columns_of(ReviewTask.model_validate_json(row.body), review, row.enqueued_at)
        places = item_of(row).places.wanting(review.reviewers)
        columns |= {"planned": True, "wanted": places.wanted, "free": places.free}
        db.execute(update(items).where(items.c.id == row.id).values(**columns))
    return len(found)
