"""Reading task files: YAML in, a task out, or errors that name file, line, field and fix."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from models.errors import ConfigurationError
from models.task import Task

_TASK: TypeAdapter[Task] = TypeAdapter(Task)
_KINDS = {"classification", "multilabel"}

_FIXES = {
    "extra_forbidden": "not a field of this part; remove it or mend its spelling",
    "missing": "this field is needed; add it",
    "union_tag_not_found": "say which one by its 'kind' or 'mode'",
}


def load_task(path: Path) -> Task:
    """The task in a YAML file.

    Raises:
        ConfigurationError: every mistake found, a line each: `file:line: field: what and fix`.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc}") from exc
    return parse_task(text, str(path))


def load_tasks(paths: Iterable[Path]) -> dict[str, Task]:
    """Tasks by name; two files may not claim one name."""
    tasks: dict[str, Task] = {}
    for path in paths:
        task = load_task(path)
        if task.name in tasks:
            raise ConfigurationError(f"{path}: name: another file already has task {task.name!r}")
        tasks[task.name] = task
    return tasks


def parse_task(text: str, name: str) -> Task:
    """The task in a YAML text that people know as `name`."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or exc
        raise ConfigurationError(f"{name}{line}: not YAML: {problem}") from exc
    if not isinstance(content, dict):
        raise ConfigurationError(f"{name}:1: a task file is a mapping of fields such as 'name:'")
    try:
        return _TASK.validate_python(content)
    except ValidationError as exc:
        lines = [_explain(error, tree, name) for error in exc.errors()]
        raise ConfigurationError("\n".join(lines)) from exc


def _explain(error: Any, tree: yaml.Node | None, name: str) -> str:
    where = [part for part in error["loc"] if part not in _KINDS and not _is_tag(part, tree)]
    line = _line(tree, where)
    field = ".".join(str(part) for part in where) or "task"
    what = _FIXES.get(error["type"], error["msg"].removeprefix("Value error, "))
    if error["type"] == "union_tag_invalid":
        what = f"{error['ctx']['tag']!r} is not one of {error['ctx']['expected_tags']}"
        field = f"{field}.{error['ctx']['discriminator']}".replace("'", "").removeprefix("task.")
    return f"{name}:{line}: {field}: {what}"


def _is_tag(part: object, tree: yaml.Node | None) -> bool:
    """Union tags appear in pydantic's location but are no fields of the file."""
    return part in {"chat", "completion", "rubric", "second_view"}


def _line(node: yaml.Node | None, where: list[Any]) -> int:
    """The line of the deepest part of `where` that the file has."""
    if node is None:
        return 1
    line = int(node.start_mark.line) + 1
    if not where:
        return line
    head, rest = where[0], where[1:]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(head):
                return int(key.start_mark.line) + 1 if not rest else _line(value, rest)
    if isinstance(node, yaml.SequenceNode) and isinstance(head, int) and head < len(node.value):
        return _line(node.value[head], rest)
    return line
