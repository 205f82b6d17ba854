"""The data folder of an instance: who holds it, and the run file that says where everything is."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.errors import ConfigurationError
from models.settings import RUN_FILE, Desk, Kafka, Settings, read_run_file
from models.task import Task
from models.task_file import load_task

LOCK_FILE = "lock"
INCARNATION_FILE = "incarnation"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Addresses:
    """Where everything of a running instance listens; empty when it was not started."""

    kafka: str
    clickhouse: str
    model: str
    dashboard: str = ""
    metrics: str = ""
    desk: str = ""


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """The data folder, held by this process alone until the end of the block.

    Raises:
        ConfigurationError: another instance has it; the text says which and what to do.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / LOCK_FILE).open("a+")
    except OSError as exc:
        raise ConfigurationError(f"{data}: cannot be used: {exc.strerror}") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ConfigurationError(_occupied(data)) from exc
        yield


def _occupied(data: Path) -> str:
    running = read_run_file(data)
    who = f" (process {running['pid']})" if "pid" in running else ""
    seen = f"; its dashboard is at {running['dashboard']}" if running.get("dashboard") else ""
    return (
        f"an instance is already running in {data}{who}{seen}. "
        "Stop it first, or set TIDEGAUGE_DATA to another folder."
    )


def write_run_file(
    settings: Settings, addresses: Addresses, tasks: Mapping[Path, Task]
) -> dict[str, Any]:
    """Publish a running instance; holds no secret, those stay in the environment."""
    content = {
        "pid": os.getpid(),
        **asdict(addresses),
        "broker": settings.kafka.broker,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tasks": {
            task.name: {"version": task.version, "hash": task.identity.hash, "file": str(path)}
            for path, task in tasks.items()
        },
        "settings": published(settings),
    }
    path = settings.data / RUN_FILE
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)
    return content


def remove_run_file(data: Path) -> None:
    """The instance is gone."""
    (data / RUN_FILE).unlink(missing_ok=True)


def forget_dead_instance(data: Path) -> bool:
    """Remove the run file of an instance that ended without doing so; whether there was one.

    Raises:
        ConfigurationError: the run file cannot be read.
    """
    pid = read_run_file(data).get("pid")
    if pid is None or is_alive(int(pid)):
        return False
    remove_run_file(data)
    return True


def is_alive(pid: int) -> bool:
    """A process with this number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def published(settings: Settings) -> dict[str, Any]:
    """What another command needs to reach the same parts, in the shape of `Settings`; no secret."""
    store = settings.clickhouse
    model = settings.model.model_dump(mode="json", exclude={"api_key"})
    return {
        "data": str(settings.data),
        "tasks": [str(path) for path in settings.tasks],
        "default_task": settings.default_task,
        "traffic": settings.traffic,
        "kafka": _published_kafka(settings.kafka),
        "clickhouse": {"url": store.url, "database": store.database, "user": store.user},
        "model": model,
        "dashboard_url": settings.dashboard_url,
        "desk": _published_desk(settings.desk),
    }


def _published_kafka(kafka: Kafka) -> dict[str, Any]:
    security = kafka.security
    secret = {"security": {"password", "key_password"}}
    files = {
        name: str(path.resolve())
        for name in ("ca_file", "cert_file", "key_file")
        if (path := getattr(security, name)) is not None
    }
    plain = kafka.model_dump(mode="json", exclude=secret)
    return {**plain, "security": {**plain["security"], **files}}


def _published_desk(desk: Desk) -> dict[str, Any]:
    """The desk's settings; its database without a password."""
    plain = desk.model_dump(mode="json", exclude={"database"})
    if given := desk.database.get_secret_value():
        plain["database"] = _without_password(given)
    return plain


def _without_password(url: str) -> str:
    """A database's URL as others may read it; nothing of one that cannot be taken apart."""
    try:
        found = make_url(url)
    except ArgumentError:
        return ""
    where = (found.host, found.port, found.database, found.query)
    return URL.create(found.drivername, found.username, None, *where).render_as_string()


def environment(settings: Settings) -> dict[str, str]:
    """All settings as environment variables, for child processes: they beat every other source."""
    return dict(_variables("TIDEGAUGE", settings))


def _variables(prefix: str, group: BaseModel) -> Iterator[tuple[str, str]]:
    for name in type(group).model_fields:
        value, full = getattr(group, name), f"{prefix}_{name}".upper()
        if isinstance(value, BaseModel):
            yield from _variables(f"{full}_", value)
        elif isinstance(value, tuple):
            yield full, ",".join(map(str, value))
        elif isinstance(value, dict):
            yield full, json.dumps(_plain(value))
        elif value is not None:
            yield full, str(_plain(value))


def _plain(value: Any) -> Any:
    """Settings as JSON takes them, secrets in the clear: for a child's environment only."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value


def load_by_path(paths: tuple[Path, ...]) -> dict[Path, Task]:
    """Task files by absolute path.

    Raises:
        ConfigurationError: a file is wrong, or two files claim one name.
    """
    tasks: dict[Path, Task] = {}
    for path in paths:
        task = load_task(path)
        if any(task.name == other.name for other in tasks.values()):
            raise ConfigurationError(f"{path}: name: another file already has task {task.name!r}")
        tasks[path.resolve()] = task
    return tasks


def next_incarnation(data: Path, now: datetime) -> int:
    """The number of a new life of the embedded broker; it grows even if the clock is set back.

    Positions of an older life sort before those of a newer one.
    """
    path = data / INCARNATION_FILE
    previous = int(path.read_text("ascii")) if path.is_file() else 0
    number = max(previous + 1, int((now - _EPOCH).total_seconds()))
    path.write_text(f"{number}\n", encoding="ascii")
    return number
