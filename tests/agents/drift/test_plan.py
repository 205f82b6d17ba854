"""What a task's drift settings come to for each of its detectors."""

from agents.drift.plan import plan_of
from models.task import ClassificationTask, Drift, Label


def task(slices: dict[str, tuple[str, ...]]) -> ClassificationTask:
    return ClassificationTask(
        kind="classification",
        name="sms",
        instructions="Is it spam?",
        labels=(Label(name="spam"), Label(name="personal")),
        drift=Drift(baseline=150, run_length=10_000, margin=0.02),
        slices=slices,
    )


def test_a_task_without_slices_divides_its_run_length_among_its_signals() -> None:
    plan = plan_of(task({}))
    assert (plan.baseline, plan.run_length, plan.margin) == (150, 30_000, 0.02)
    assert plan.delta == 0.05


def test_every_slice_and_each_tags_other_make_every_detector_stricter() -> None:
    plan = plan_of(task({"language": ("en", "de"), "tenant": ("a",)}))
    assert plan.run_length == 10_000 * 3 * 6
    assert plan.delta == 0.05 / 6
