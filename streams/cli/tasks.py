"""`tidegauge task check`: is this task file right, and what does it say."""

from pathlib import Path
from typing import Annotated

import typer

from models.task import ClassificationTask, Task, View
from models.task_file import load_task
from streams.cli import terminal
from streams.cli.groups import group

app = group("Check task files.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The task file (YAML).")],
) -> None:
    """Check a task file and say what it asks for; every mistake is named with its line and fix.

    Example: tidegauge task check examples/sms_spam.yaml
    """
    task = load_task(file)
    body = terminal.pairs(dict(describe(task)))
    terminal.out().print(terminal.titled(f"{task.name} is in order", body))


def describe(task: Task) -> dict[str, str]:
    """A task in the words of a person who reads it for the first time."""
    annotator = task.annotator
    single = isinstance(task, ClassificationTask)
    routing = task.routing
    always = joined(sorted(routing.always_review)) if routing.always_review else "none"
    said = {
        "version": str(task.identity),
        "kind": f"{task.kind}: {'one label' if single else 'any number of labels'} per sample",
        "labels": joined(list(task.label_names)),
        "annotator": f"{annotator.name}, {annotator.mode}, {_model(annotator.model)}",
        "judge": _judge(task),
        "calibration items": str(len(task.calibration)),
        "people see": f"{routing.budget:.0%} of traffic, {routing.audit:.0%} picked at random",
        "always to people": always,
        "drift": f"learns a baseline from {task.drift.baseline:,} samples",
        "slices": joined(list(task.slices)) if task.slices else "the whole task only",
        "spend": _spend(task),
    }
    if isinstance(annotator, View):
        said["question"] = annotator.question
    return said


def joined(names: list[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names)


def _model(name: str | None) -> str:
    return f"model {name}" if name else "the endpoint's own model"


def _judge(task: Task) -> str:
    if task.judge is None:
        return "none: labels are routed on confidence alone"
    return f"{task.judge.name}, {task.judge.kind}, {_model(task.judge.model)}"


def _spend(task: Task) -> str:
    cap = task.spend.daily_usd
    limit = "no daily cap" if cap is None else f"at most ${cap:,.2f} a day"
    return f"{limit}; models without a price are {'allowed' if _unpriced(task) else 'refused'}"


def _unpriced(task: Task) -> bool:
    return task.spend.unpriced == "allow"
