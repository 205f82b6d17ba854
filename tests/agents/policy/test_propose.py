"""A new policy out of a past: what is fitted, what stays the task's own, and what it names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.annotate.corrections import Mistake
from agents.policy.fit import Reviewed, TooFewDecisions
from agents.policy.propose import Past, Wish, proposed
from models.policy import Platt
from models.task_file import parse_task
from tests.agents.policy.test_fit import world
from tests.scripted_bench import CHAT_TASK, chat_task

TASK = chat_task()
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def past_of(reviewed: list[Reviewed]) -> Past:
    return Past(
        score="judge_score",
        reviewed=reviewed,
        simulated=3,
        first=FIRST,
        last=FIRST + timedelta(days=2),
        traffic={0.9: 900, 0.5: 100},
        mistakes=[
            Mistake("give it back", "", "", ("other",), ("refund",), 5.0),
            Mistake("where is it", "", "", ("other",), ("delivery",), 1.0),
            Mistake("planted on purpose", "", "", ("refund",), ("other",), 1.0),
        ],
    )


PAST = past_of(world(400, seed=5))
WISH = Wish(number=2, corrections=8, barred=["planted  ON purpose"], note="why")


def test_a_policy_names_what_it_was_fitted_on() -> None:
    policy = proposed(TASK, TASK.first_policy, PAST, WISH)
    assert policy.fitted_on is not None
    assert (policy.fitted_on.n, policy.fitted_on.simulated) == (400, 3)
    assert (policy.fitted_on.first, policy.fitted_on.last) == (PAST.first, PAST.last)
    assert policy.fitted_on.loss_after < policy.fitted_on.loss_before
    assert (policy.number, policy.note, policy.made_for) == (2, "why", TASK.identity)
    assert policy.calibrator.slope == pytest.approx(0.5, abs=0.2)
    assert policy.mean_uncertainty != TASK.first_policy.mean_uncertainty


def test_what_the_author_decides_stays_the_authors() -> None:
    text = CHAT_TASK + "routing: {budget: 0.3, audit: 0.07, always_review: [refund]}\n"
    task = parse_task(text, "t")
    policy = proposed(task, task.first_policy, PAST, WISH)
    for name in ("budget", "audit", "mixing", "floors", "always_review", "slices", "task"):
        assert getattr(policy, name) == getattr(task.first_policy, name)


def test_corrections_are_neither_gold_nor_examples() -> None:
    policy = proposed(TASK, TASK.first_policy, PAST, WISH)
    assert [correction.text for correction in policy.corrections] == ["give it back"], (
        "`where is it` is an example of the task"
    )
    assert proposed(TASK, TASK.first_policy, PAST, replace(WISH, corrections=0)).corrections == ()


def test_a_calibrator_that_cannot_be_bettered_stays() -> None:
    items = world(150, seed=6)
    first = proposed(TASK, TASK.first_policy, past_of(items), WISH)
    perfect = first.model_copy(update={"calibrator": Platt(slope=0.5, shift=-0.6)})
    unseen = past_of(world(150, seed=7))
    again = proposed(TASK, perfect, unseen, replace(WISH, number=3))
    assert again.fitted_on is not None
    assert again.fitted_on.loss_after > again.fitted_on.loss_before
    assert again.calibrator == perfect.calibrator


def test_one_of_another_score_is_not_compared_with() -> None:
    before = TASK.first_policy.model_copy(
        update={"calibrates": "confidence", "calibrator": Platt(slope=3.0, shift=2.0)}
    )
    same = proposed(TASK, TASK.first_policy, PAST, WISH)
    assert proposed(TASK, before, PAST, WISH).fitted_on == same.fitted_on


def test_too_few_decisions_make_no_policy() -> None:
    with pytest.raises(TooFewDecisions):
        proposed(TASK, TASK.first_policy, past_of([]), WISH)
