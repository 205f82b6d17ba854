"""What an instance is made of: which parts are its own, and how each child is started."""

import importlib.util
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from models.errors import ConfigurationError
from models.settings import ENV_PREFIX, Security, Settings, checked_bootstrap
from models.task import Task
from streams.embedded.announce import LOOPBACK, Fact
from streams.embedded.child import Child
from streams.embedded.ports import free_port
from streams.embedded.run_file import environment
from streams.topics import STAGES, Stage, Topics

EMBEDDED = "embedded"
LOCAL = "local"
SCRIPTED = "scripted"
LOCAL_CONCURRENCY = 3
DASHBOARD_PORT = 8501
EMBEDDED_SESSION_SECONDS = 6.0
"""The try-out broker gives a killed member's partitions away only when its session has ended."""
STOP_MARGIN_SECONDS = 5.0
METRICS_FOLDER = "metrics"
_EXTRA = {"broker": "confluent_kafka", "clickhouse": "chdb", "model": "xllamacpp"}


@dataclass(frozen=True)
class Wanted:
    """What an instance is asked to be.

    Attributes:
        store: folder of the embedded store.
        model: `local`, `scripted` or an endpoint's address; none means what the settings name,
            else local.
        kafka: a broker's address or `embedded`; none means what the settings name, else embedded.
        clickhouse: the same for the store.
        key: right labels, for the scripted model.
        workers: processes of each stage, but of the desk: it is one.
        stages: which there are.
        reviewers: right labels that simulated reviewers answer from; none: nobody answers.
        environment: further variables for the stages' processes.
    """

    store: Path
    model: str | None = None
    kafka: str | None = None
    clickhouse: str | None = None
    key: Path | None = None
    dashboard: bool = True
    workers: int = 1
    stages: tuple[Stage, ...] = STAGES
    reviewers: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Own:
    """Which parts the instance starts itself."""

    broker: bool
    clickhouse: bool
    model: str

    def check_installed(self) -> None:
        """See that the embedded extra is there.

        Raises:
            ConfigurationError: a part is wanted whose package is missing.
        """
        wanted = {
            "broker": self.broker,
            "clickhouse": self.clickhouse,
            "model": self.model == LOCAL,
        }
        for part, package in _EXTRA.items():
            if wanted[part] and importlib.util.find_spec(package) is None:
                raise ConfigurationError(
                    f"the embedded {part} is not installed; "
                    "pip install 'tidegauge[embedded]', or give an address of your own"
                )


def own_parts(settings: Settings, wanted: Wanted) -> Own:
    """What is not given by an option or a setting is started.

    Raises:
        ConfigurationError: the scripted model lacks its key, or an address carries a password.
    """
    given = settings.model_dump(exclude_unset=True)
    endpoint_given = "base_url" in given.get("model", {})
    model = wanted.model or ("" if endpoint_given else LOCAL)
    if model == SCRIPTED and wanted.key is None:
        raise ConfigurationError("--model scripted needs --key FILE: JSONL with text and its label")
    if model not in ("", LOCAL, SCRIPTED) and urlsplit(model).scheme not in ("http", "https"):
        raise ConfigurationError(f"--model {model!r}: it is local, scripted or http://HOST:PORT/v1")
    for address in (wanted.clickhouse or "", model):
        if urlsplit(address).password:
            raise ConfigurationError(
                "an address may not carry a password, others can read it; set "
                "TIDEGAUGE_CLICKHOUSE__PASSWORD or TIDEGAUGE_MODEL__API_KEY"
            )
    _check_brokers(wanted.kafka)
    return Own(
        broker=_is_own(wanted.kafka, "bootstrap" in given.get("kafka", {})),
        clickhouse=_is_own(wanted.clickhouse, "url" in given.get("clickhouse", {})),
        model=model if model in (LOCAL, SCRIPTED) else "",
    )


def _check_brokers(kafka: str | None) -> None:
    if kafka in (None, "", EMBEDDED):
        return
    try:
        checked_bootstrap(kafka)
    except ValueError as exc:
        raise ConfigurationError(f"--kafka: {exc}, or embedded") from exc


def _is_own(wanted: str | None, set_elsewhere: bool) -> bool:
    return wanted == EMBEDDED or (not wanted and not set_elsewhere)


def resolved(
    settings: Settings, wanted: Wanted, facts: Mapping[str, Mapping[str, Fact]], incarnation: int
) -> Settings:
    """The settings with every address filled in, from options and what the parts announced."""
    kafka, store, model = settings.kafka, settings.clickhouse, settings.model
    if "broker" in facts:
        kafka = kafka.model_copy(
            update={
                "bootstrap": address(facts["broker"]),
                "broker": "embedded",
                "incarnation": incarnation,
                "start": "earliest",
                "session_seconds": EMBEDDED_SESSION_SECONDS,
                "security": Security(),
            }
        )
    elif wanted.kafka:
        kafka = kafka.model_copy(update={"bootstrap": checked_bootstrap(wanted.kafka)})
    if "clickhouse" in facts or wanted.clickhouse:
        url = f"http://{address(facts['clickhouse'])}" if "clickhouse" in facts else ""
        store = store.model_copy(update={"url": url or wanted.clickhouse})
    if "model" in facts:
        model = model.model_copy(update=_model_update(settings, wanted, facts["model"]))
    elif wanted.model:
        model = model.model_copy(update={"base_url": wanted.model, "kind": "endpoint"})
    return settings.model_copy(update={"kafka": kafka, "clickhouse": store, "model": model})


def _model_update(
    settings: Settings, wanted: Wanted, facts: Mapping[str, Fact]
) -> dict[str, object]:
    kind = SCRIPTED if wanted.model == SCRIPTED else LOCAL
    update: dict[str, object] = {
        "base_url": f"http://{address(facts)}/v1",
        "kind": kind,
        "model": str(facts.get("model", kind)),
    }
    if kind == LOCAL and "concurrency" not in settings.model.model_fields_set:
        update["concurrency"] = LOCAL_CONCURRENCY
    return update


def address(facts: Mapping[str, Fact]) -> str:
    """Host and port as announced.

    >>> address({"host": "127.0.0.1", "port": 9})
    '127.0.0.1:9'
    """
    return f"{facts['host']}:{facts['port']}"


def foundation(
    settings: Settings, wanted: Wanted, own: Own, tasks: Mapping[Path, Task]
) -> list[Child]:
    """Broker, store and model, as far as they are the instance's own."""
    data = settings.data
    children = []
    if own.broker:
        topics = [part for name in Topics.of(settings.kafka).all for part in ("--topic", name)]
        children.append(_announcing("broker", data, "streams.embedded.broker", *topics))
    if own.clickhouse:
        folder = ("--data", str(wanted.store))
        children.append(_announcing("clickhouse", data, "streams.embedded.clickhouse", *folder))
    if own.model == LOCAL:
        children.append(_announcing("model", data, "streams.embedded.local_model"))
    if own.model == SCRIPTED:
        files = [part for path in tasks for part in ("--task", str(path))]
        key = ("--key", str(wanted.key))
        scripted = "streams.embedded.scripted_model"
        children.append(_announcing("model", data, scripted, *key, *files))
    return children


def _announcing(name: str, data: Path, module: str, *arguments: str) -> Child:
    path = data / "announced" / f"{name}.json"
    argv = (sys.executable, "-m", module, "--announce", str(path), *arguments)
    if name == "broker":
        return Child(name, argv, announces=path, restart=False, ready_seconds=60.0)
    fixed = (*argv, "--port", str(free_port()))  # others know its address: it survives a restart
    return Child(name, fixed, announces=path, ready_seconds=60.0)


def workers(
    settings: Settings, stages: Sequence[Stage], more: Mapping[str, str] | None = None
) -> list[Child]:
    """One process for each stage; its name tells its slot when it is not the first.

    It gets more time to stop than it takes itself.
    """
    env = child_environment(settings) | dict(more or {})
    suffix = "" if settings.slot == "0" else f"-{settings.slot}"
    program = (sys.executable, "-m", "streams.worker")
    patience = settings.delivery.stop_seconds + STOP_MARGIN_SECONDS
    return [
        Child(f"{stage}{suffix}", (*program, stage), env, stop_seconds=patience) for stage in stages
    ]


def slots(first: str, count: int) -> list[str]:
    """The slots of several workers of one stage that one supervisor keeps.

    >>> slots("0", 2), slots("4", 2), slots("host-a", 2)
    (['0', '1'], ['4', '5'], ['host-a', 'host-a.1'])
    """
    if first.isdecimal():
        return [str(int(first) + n) for n in range(count)]
    return [first] + [f"{first}.{n}" for n in range(1, count)]


def many_workers(
    settings: Settings,
    stages: Sequence[Stage],
    count: int,
    more: Mapping[str, str] | None = None,
) -> list[Child]:
    """Several processes for each stage, with a slot each, from that of the settings on.

    Of the desk there is one: a second could not listen on its port.
    """
    several = [stage for stage in stages if stage != "desk"]
    return [
        child
        for number, slot in enumerate(slots(settings.slot, count))
        for child in workers(
            settings.model_copy(update={"slot": slot}), several if number else stages, more
        )
    ]


def idle_workers(settings: Settings, count: int) -> str:
    """What to say when there are more workers than partitions; empty when there are not."""
    spare = count - settings.kafka.partitions
    if spare <= 0:
        return ""
    return (
        f"{count} workers a stage, but {settings.kafka.partitions} partitions: {spare} of each "
        "stage stand by idle. Partitions are chosen when topics are made "
        "(TIDEGAUGE_KAFKA__PARTITIONS)"
    )


def desk_placed(settings: Settings) -> Settings:
    """With the desk's port and address: what is set, else its usual port, else any that is free."""
    port = settings.desk.port
    if not port or ("port" not in settings.desk.model_fields_set and _taken(port)):
        port = free_port()
    desk = settings.desk.model_copy(update={"port": port})
    placed = settings.model_copy(update={"desk": desk})
    return placed.model_copy(update={"desk": desk.model_copy(update={"url": placed.desk_url})})


def dashboard_port(settings: Settings) -> int:
    """The port that is set, else Streamlit's usual one, else any that is free."""
    if settings.dashboard_port:
        return settings.dashboard_port
    return free_port() if _taken(DASHBOARD_PORT) else DASHBOARD_PORT


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def reviewers(settings: Settings, key: Path | None) -> list[Child]:
    """Simulated reviewers who answer from a key; nobody without one."""
    if key is None:
        return []
    program = (sys.executable, "-m", "streams.cli.main", "simulate-reviewers")
    argv = (*program, "--key", str(key.resolve()))
    return [Child("reviewers", argv, child_environment(settings))]


def dashboard(settings: Settings, port: int) -> Child:
    """The pages.

    Raises:
        ConfigurationError: they are not installed.
    """
    spec = importlib.util.find_spec("dashboard")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("the dashboard is not installed; --no-dashboard goes without")
    app = Path(spec.submodule_search_locations[0]) / "app.py"
    argv = (sys.executable, "-m", "streamlit", "run", str(app))
    where = ("--server.address", LOOPBACK, "--server.port", str(port), "--server.headless", "true")
    return Child("dashboard", (*argv, *where), child_environment(settings), listens_on=port)


def child_environment(settings: Settings) -> dict[str, str]:
    """What a stage's process inherits: these settings, all of them, and no other setting."""
    mine = os.environ  # noqa: TID251 - a child needs its parent's PATH and HOME
    inherited = {
        name: value for name, value in mine.items() if not name.upper().startswith(ENV_PREFIX)
    }
    metrics = {"PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(settings.data))}
    return inherited | environment(settings) | metrics


def metrics_folder(data: Path) -> Path:
    """Where the children of this very process count."""
    return data.resolve() / METRICS_FOLDER / str(os.getpid())
