import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigurationError
from models.task import Task
from models.task_file import parse_task
from streams.cli.evaluating import check_references, serves
from streams.cli.sending import Order
from streams.cli.traffic import Columns, Reading
from streams.embedded.parts import Wanted

TASK: Task = parse_task(
    "name: t\nkind: classification\ninstructions: x\nlabels: [{name: ham}, {name: spam}]", "t.yaml"
)


def order(tmp_path: Path, *lines: dict[str, Any]) -> Order:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return Order(path, "jsonl", Reading(Columns(reference="label"), seed="s"))


def test_references_must_be_labels_of_the_task(tmp_path: Path) -> None:
    check_references(order(tmp_path, {"text": "a", "label": "ham"}, {"text": "b"}), TASK, "label")
    with pytest.raises(ConfigurationError, match="'eggs', which is no label of t"):
        check_references(order(tmp_path, {"text": "a", "label": "eggs"}), TASK, "label")
    with pytest.raises(ConfigurationError, match="no line has a field 'label'"):
        check_references(order(tmp_path, {"text": "a"}), TASK, "label")
    with pytest.raises(ConfigurationError, match=r"no line is a sample: line 1 has no field"):
        check_references(order(tmp_path, {"txt": "a"}), TASK, "label")


def running(digest: str, kind: str = "local") -> dict[str, Any]:
    return {
        "tasks": {"t": {"hash": digest}},
        "model": "http://127.0.0.1:1/v1",
        "settings": {"model": {"kind": kind}},
    }


@pytest.mark.parametrize(
    ("instance", "model", "through_it"),
    [
        ({}, None, False),
        (running("another"), None, False),
        (running(TASK.identity.hash), None, True),
        (running(TASK.identity.hash), "local", True),
        (running(TASK.identity.hash), "http://127.0.0.1:1/v1", True),
        (running(TASK.identity.hash), "http://127.0.0.1:2/v1", False),
        (running(TASK.identity.hash, "scripted"), "scripted", False),
    ],
)
def test_only_an_instance_with_this_very_task_and_model_serves(
    instance: dict[str, Any], model: str | None, through_it: bool, tmp_path: Path
) -> None:
    assert serves(instance, TASK, Wanted(store=tmp_path, model=model)) is through_it
