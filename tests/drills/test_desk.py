"""The desk killed under eight reviewers, and a judge that would have seen what went wrong.

All of it: `make desk-drill`.
"""

from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.review import Decision, Outcome
from tests.desk_bench import NOON, review, task_of
from tests.drills.desk import Plan, drill
from tests.drills.desk_judge import Sent, judge
from tests.drills.desk_people import Acknowledged
from tests.drills.topic_log import Logged

TASK = task_of()
ITEM = review(1, TASK)
SENT = Sent({ITEM.result_id: ITEM.sample.text}, reviewers=2, undo_seconds=2.0, kills=0)
TOLD = [Acknowledged(name, ITEM.sample.text, ("spam",)) for name in ("ann", "bo")]


def said(reviewer: str, after: float = 3.0, **changes: Any) -> Logged:
    decision = Decision(
        **_asked(),
        **{
            "decision_id": f"{reviewer}-{changes.get('role', 'review')}",
            "reviewer": reviewer,
            "answer": "label",
            "labels": ("spam",),
            "decided_at": NOON,
            **changes,
        },
    )
    return logged(decision.encode(), after)


def outcome(**changes: Any) -> Logged:
    values = {"state": "reviewed", "labels": ("spam",), "answers": 2, "at": NOON, **changes}
    return logged(Outcome(**_asked(), **values).encode(), 4.0)


def _asked() -> dict[str, Any]:
    return {
        "result_id": ITEM.result_id,
        "sample_key": ITEM.sample_key,
        "source": ITEM.source,
        "task": ITEM.task,
        "lane": ITEM.lane,
        "propensity": ITEM.propensity,
        "audit": ITEM.audit,
    }


def logged(value: bytes, after: float) -> Logged:
    at = round((NOON + timedelta(seconds=after)).astimezone(UTC).timestamp() * 1000)
    return Logged("decisions", 0, 0, at, None, value, {})


GOOD = [said("ann"), said("bo"), outcome()]


def test_all_is_well() -> None:
    found = judge(SENT, [*GOOD, *GOOD], TOLD, [])
    assert found.good
    assert found.repeats == 3
    assert str(found) == "items=1 decided=1 kills=0 lost=0 over_assigned=0"


@pytest.mark.parametrize(
    ("topic", "column"),
    [
        ([said("ann"), outcome()], "lost"),
        ([said("ann"), said("bo", labels=("ham",)), outcome()], "lost"),
        ([said("ann"), said("bo")], "lost"),
        ([*GOOD, outcome(state="expired", labels=())], "lost"),
        ([*GOOD, said("cy")], "over_assigned"),
        ([*GOOD, said("ann", role="adjudication")], "over_assigned"),
        ([said("ann"), said("bo", after=1.0), outcome()], "early"),
    ],
)
def test_the_judge_sees_what_is_wrong(topic: list[Logged], column: str) -> None:
    found = judge(SENT, topic, TOLD, [])
    assert getattr(found, column) == 1
    assert not found.good


def test_a_surprise_fails_the_drill() -> None:
    assert not judge(SENT, GOOD, TOLD, ["reviewer-1: a strange answer"]).good


@pytest.mark.processes
async def test_killed_under_eight_reviewers_it_loses_no_answer(tmp_path: Path) -> None:
    plan = Plan(broker="embedded", items=150, reviewers=8, kills=3, feed_seconds=4, kill_seconds=3)
    finding, diary, _ = await drill(plan, tmp_path)
    assert finding.wrong == ()
    assert finding.good
    assert (finding.items, finding.decided, finding.kills) == (150, 150, 3)
    assert len(diary.acknowledged) >= 300
    assert diary.unavailable > 0
