"""Every setting, in one object, from the environment (`TIDEGAUGE_…`) or the running instance.

Order: environment, then `.tidegauge/run.json` (written by `tidegauge up`), then the defaults here.
Nested settings take two underscores: `TIDEGAUGE_KAFKA__BOOTSTRAP=broker:9092`.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from models.errors import ConfigurationError

RUN_FILE = "run.json"
ENV_PREFIX = "TIDEGAUGE_"

_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")

TRIAL_SLOT = "evaluate"
"""The slot of an evaluation's own stages, which are gone when it ends."""


HANDLING_SECONDS = 32.0
"""Attempts times timeout at most: partitions must change hands within the rebalance timeout."""

PATIENCE_SECONDS = 10.0
"""How long a call may wait for a free place at its endpoint; longer counts as unavailable."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class SampleFields(_Group):
    """Where a foreign topic keeps each field: dotted JSON paths like `payload.messages.0.text`."""

    id: str = "id"
    text: str = "text"
    task: str = "task"
    context: str = "context"
    response: str = "response"
    tags: str = "tags"
    created_at: str = "created_at"
    provenance: str = "provenance"
    reference: str = "reference"
    run: str = "run"


def checked_bootstrap(text: str) -> str:
    """Broker addresses, separated by commas, without blanks.

    >>> checked_bootstrap("one:9092, two:9092")
    'one:9092,two:9092'

    Raises:
        ValueError: one is no address; the text names it.
    """
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not _ADDRESS.fullmatch(part):
            raise ValueError(f"{part!r} is not HOST:PORT (several are separated by commas)")
    return ",".join(parts)


class Security(_Group):
    """Whom clients of Kafka trust, and how they prove who they are.

    Attributes:
        mechanism: of the two protocols that begin with SASL.
        ca_file: PEM file of the authorities trusted; none: those this system trusts.
        cert_file: PEM file of the client's own certificate, for brokers that ask for one.
        key_file: PEM file of its key, if that is not in `cert_file`.
    """

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str = ""
    password: SecretStr = SecretStr("")
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    key_password: SecretStr = SecretStr("")


class Kafka(_Group):
    """The broker, the topics' names, and how `samples` is read.

    Attributes:
        samples_topic: a topic of yours to read instead of `<prefix>.samples`.
        start: where a new deployment begins on `samples`.
        incarnation: raise it when topics were made anew from offset 0.
        partitions: of the topics that `migrate` creates.
        replication: copies of each.
        min_in_sync: copies that must have a record before it counts as stored.
        retention_hours: how long records stay on the topics between the stages.
    """

    bootstrap: str = "127.0.0.1:9092"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "tidegauge"
    samples_topic: str | None = None
    fields: SampleFields = SampleFields()
    start: Literal["latest", "earliest"] = "latest"
    incarnation: int = Field(default=0, ge=0)
    partitions: int = Field(default=4, ge=1, le=1000)
    replication: int = Field(default=1, ge=1, le=10)
    min_in_sync: int = Field(default=1, ge=1, le=10)
    retention_hours: int = Field(default=168, ge=1, le=87_600)
    session_seconds: float = Field(default=15.0, ge=6, le=300)
    broker: Literal["kafka", "embedded"] = "kafka"
    security: Security = Security()

    @field_validator("bootstrap")
    @classmethod
    def _addresses(cls, value: str) -> str:
        return checked_bootstrap(value)

    @model_validator(mode="after")
    def _enough_copies(self) -> Self:
        if self.min_in_sync > self.replication:
            raise ValueError(
                f"MIN_IN_SYNC {self.min_in_sync} is more than REPLICATION {self.replication}: "
                "nothing could ever be stored"
            )
        return self


class ClickHouse(_Group):
    """The store."""

    url: str = "http://127.0.0.1:8123"
    user: str = "default"
    password: SecretStr = SecretStr("")
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = "tidegauge"


class Endpoint(_Group):
    """An OpenAI-compatible endpoint and how hard it may be driven.

    Attributes:
        model: used by tasks that name no model of their own.
        kind: what to call it where people see it; `scripted` is never a real model.
    """

    base_url: str = "http://127.0.0.1:8000/v1"
    api_key: SecretStr = SecretStr("none")
    model: str = "default"
    kind: Literal["endpoint", "local", "scripted"] = "endpoint"
    timeout_seconds: float = Field(default=15.0, gt=0, le=HANDLING_SECONDS)
    concurrency: int = Field(default=32, ge=1, le=1000)


class Delivery(_Group):
    """How stages move records (attempts × timeout stay within `HANDLING_SECONDS`).

    Attributes:
        attempts: tries of one record before it counts as failed.
        span: records per partition between the oldest unfinished one and the newest taken.
        tail: records of its own output a stage reads per partition when it is assigned one.
        linger_ms: how long the producer gathers records: throughput against latency.
        batch_rows: rows of one insert, at most; `batch_bytes` of records if that is less.
        held_bytes: of records a stage has read and not finished; it reads on only below that.
        health_seconds: how often each stage writes its health.
        stuck_seconds: a sample in flight for longer is listed by name.
        stall_seconds: a worker that has work and moves nothing for so long, with no reason it
            knows of, ends and is started again.
        stop_seconds: a worker asked to stop is gone after that, whatever hangs.
        dead_letter_share: of the last `dead_letter_window` records; a stage that buries clearly
            more stops for good. 1 lets it go on for ever.
    """

    attempts: int = Field(default=2, ge=1, le=10)
    span: int = Field(default=512, ge=1, le=100_000)
    tail: int = Field(default=2048, ge=0, le=100_000)
    linger_ms: float = Field(default=5.0, ge=0, le=1000)
    batch_rows: int = Field(default=2000, ge=1, le=100_000)
    batch_ms: int = Field(default=500, ge=10, le=60_000)
    batch_bytes: int = Field(default=16_000_000, ge=1_000_000, le=1_000_000_000)
    held_bytes: int = Field(default=32_000_000, ge=1_000_000, le=1_000_000_000)
    health_seconds: float = Field(default=10.0, gt=0, le=600)
    stuck_seconds: float = Field(default=600.0, gt=0)
    stall_seconds: float = Field(default=300.0, ge=1, le=86_400)
    stop_seconds: float = Field(default=15.0, ge=1, le=600)
    dead_letter_share: float = Field(default=0.5, gt=0, le=1)
    dead_letter_window: int = Field(default=1000, ge=20, le=1_000_000)


class Desk(_Group):
    """The review desk.

    Attributes:
        database: SQLAlchemy URL of its queue, `postgresql+psycopg://…` for several nodes; empty:
            SQLite in `desk.sqlite` in the data folder.
        port: its API's; 0 takes a free one.
        url: where the dashboard and the commands find it; empty: on this machine at its port.
        requests_per_second: of one account, on average; short bursts may be ten times that.
        sign_in: who may see the dashboard's other pages: everybody, or those with a token.
    """

    database: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = Field(default=8480, ge=0, le=65535)
    url: str = ""
    requests_per_second: float = Field(default=20.0, gt=0, le=10_000)
    sign_in: Literal["open", "required"] = "open"


class Settings(BaseSettings):
    """All settings; built once per entry point and passed down.

    Attributes:
        data: where the running instance keeps its files.
        tasks: task files, in the environment separated by commas.
        default_task: the task of samples that name none; the first task when empty.
        traffic: what the deployment's own traffic is, shown beside its figures.
        desk_token: of the reviewer who runs a command here; the dashboard asks each one for theirs.
        trial: an evaluation's own stages: what they try may change under one version's name.
        slot: the ordinal of this worker among its stage's workers; no two may share one.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    data: Path = Path(".tidegauge")
    tasks: Annotated[tuple[Path, ...], NoDecode] = ()
    default_task: str = ""
    kafka: Kafka = Kafka()
    clickhouse: ClickHouse = ClickHouse()
    model: Endpoint = Endpoint()
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    delivery: Delivery = Delivery()
    desk: Desk = Desk()
    desk_token: SecretStr = SecretStr("")
    traffic: str = "live traffic"
    trial: bool = False
    slot: str = "0"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    dashboard_port: int = Field(default=0, ge=0, le=65535)
    dashboard_url: str = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment; the running instance is merged by `load_settings`."""
        return init_settings, env_settings

    @field_validator("tasks", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _handled_in_time(self) -> Self:
        if self.delivery.attempts * self._longest_timeout > HANDLING_SECONDS:
            message = (
                "DELIVERY__ATTEMPTS times an endpoint's longest TIMEOUT_SECONDS may be at most "
                f"{HANDLING_SECONDS:g} s, else partitions cannot change hands; lower one"
            )
            raise ValueError(message)
        return self

    @property
    def _longest_timeout(self) -> float:
        endpoints = (self.model, *self.endpoints.values())
        return max(endpoint.timeout_seconds for endpoint in endpoints)

    @property
    def desk_database(self) -> str:
        """The URL of the desk's queue; it may hold a password."""
        given = self.desk.database.get_secret_value()
        return given or f"sqlite:///{self.data.absolute() / 'desk.sqlite'}"

    @property
    def desk_url(self) -> str:
        """Where the desk's API is; a desk that listens everywhere is asked on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.desk.host, self.desk.host)
        named = f"[{host}]" if ":" in host else host
        return self.desk.url or f"http://{named}:{self.desk.port}"

    @property
    def longest_handling(self) -> float:
        """Seconds within which a record's handler is done, all its attempts and waits included."""
        return self.delivery.attempts * self._longest_timeout + PATIENCE_SECONDS + 2

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint a task names; `default` is the one under `model`.

        Raises:
            ConfigurationError: no such endpoint.
        """
        if name == "default":
            return self.model
        if name in self.endpoints:
            return self.endpoints[name]
        known = ", ".join(["default", *sorted(self.endpoints)])
        raise ConfigurationError(
            f"endpoint {name!r} is not set; known: {known}. Set TIDEGAUGE_ENDPOINTS as JSON."
        )


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; addresses default to those of the running instance.

    Raises:
        ConfigurationError: a setting does not fit; the text names it.
    """
    try:
        settings = Settings(**overrides)
        running = read_run_file(settings.data)
        if not running:
            return settings
        given = settings.model_dump(exclude_unset=True)
        return Settings(**_merged(running.get("settings", {}), given))
    except ValidationError as exc:
        raise ConfigurationError("\n".join(_explain(error) for error in exc.errors())) from exc


def read_run_file(data: Path) -> dict[str, Any]:
    """What `tidegauge up` wrote about itself, empty when none runs here."""
    path = data / RUN_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path}: not readable: {exc}; delete it") from exc
    return content if isinstance(content, dict) else {}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[name] = _merged(old, value)
        else:
            merged[name] = value
    return merged


def _explain(error: Any) -> str:
    name = "__".join(str(part) for part in error["loc"]).upper()
    return f"TIDEGAUGE_{name}: {error['msg'].removeprefix('Value error, ')}"
