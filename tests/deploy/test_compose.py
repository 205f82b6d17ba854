"""docker-compose.yml: its form by the Compose specification, its settings by ours, its promises.

No container engine is needed. The schema below is written from the Compose specification for the
parts this file uses; a part it does not know is refused, so that nothing is taken on trust.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from models.settings import Settings
from streams.topics import STAGES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

DURATION = {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"}
WORDS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
COMMAND = {"type": ["string", "array"], "items": {"type": "string"}}
NAMES = "^[a-zA-Z0-9._-]+$"


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def mapping(value: dict[str, Any], names: str = NAMES) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {names: value}, "additionalProperties": False}


HEALTHCHECK = closed(
    {
        "test": COMMAND,
        "interval": DURATION,
        "timeout": DURATION,
        "start_period": DURATION,
        "retries": {"type": "integer", "minimum": 1},
        "disable": {"type": "boolean"},
    }
)
CONDITION = {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
LIMIT = closed({"soft": {"type": "integer"}, "hard": {"type": "integer"}}, "soft", "hard")
SERVICE = closed(
    {
        "image": {"type": "string", "pattern": r"^[a-z0-9/._-]+:[A-Za-z0-9._-]+$"},
        "build": {"type": "string"},
        "command": COMMAND,
        "environment": mapping({"type": ["string", "number"]}, "^[A-Za-z_][A-Za-z0-9_]*$"),
        "ports": {**WORDS, "minItems": 1},
        "volumes": WORDS,
        "ulimits": mapping(LIMIT, "^[a-z]+$"),
        "healthcheck": HEALTHCHECK,
        "depends_on": mapping(closed({"condition": CONDITION}, "condition")),
        "deploy": closed({"replicas": {"type": "integer", "minimum": 1}}),
        "restart": {"type": "string", "pattern": r"^(unless-stopped|on-failure:\d+)$"},
        "stop_grace_period": DURATION,
        "cap_drop": WORDS,
        "security_opt": WORDS,
        "init": {"type": "boolean"},
        "logging": closed(
            {"driver": {"type": "string"}, "options": mapping({"type": "string"})}, "driver"
        ),
    },
    "image",
)
SCHEMA: dict[str, Any] = {
    **closed(
        {
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
            "services": mapping(SERVICE),
            "volumes": mapping({"type": "null"}),
        },
        "services",
    ),
    "patternProperties": {"^x-": {}},
}


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The environment variables of a settings class and of the groups in it."""
    for name, field in model.model_fields.items():
        full = f"{prefix}{name}".upper()
        yield full
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{full}__")


def words(text: str) -> set[str]:
    return set(re.findall(r"\bTIDEGAUGE_[A-Z0-9_]*[A-Z0-9]", text))


def test_it_follows_the_specification() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(COMPOSE, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"a": {"image": "a:1", "enviroment": {}}}},
        {"services": {"a": {"image": "a:1", "healthcheck": {"interval": 10}}}},
        {"services": {"a": {"image": "a:1", "depends_on": {"b": {"condition": "healthy"}}}}},
        {"services": {"a": {"image": "untagged"}}},
        {"service": {}},
    ],
)
def test_the_schema_refuses_what_compose_would_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile", "deploy/stage.sh"])
def test_every_setting_named_exists(name: str) -> None:
    named = words((ROOT / name).read_text("utf-8"))
    assert named
    assert named <= set(settings_of(Settings, "TIDEGAUGE_"))


def test_what_services_wait_for_exists_and_can_become_true() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            assert other != name
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"]
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"].startswith("on-failure")


def test_named_volumes_and_mounted_files_exist() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith((".", "$"))}
    assert named == set(COMPOSE["volumes"])
    defaults = re.findall(r"(?:^|:-)(\./[\w./-]+)", "\n".join(mounts), re.M)
    assert defaults
    assert not [name for name in defaults if not (ROOT / name).exists()]


def test_each_stage_is_a_service_of_its_own() -> None:
    for stage in STAGES:
        assert SERVICES[stage]["command"] == ["deploy/stage.sh", stage]
        assert SERVICES[stage]["restart"] == "unless-stopped"
        assert "TIDEGAUGE_SLOT" not in SERVICES[stage]["environment"], "replicas would share it"


def test_ports_are_on_loopback_and_passwords_have_no_default() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for name, value in service["environment"].items():
            if "PASSWORD" in name:
                assert re.match(r"^\$\{\w+:\?", str(value)), name


def test_both_ends_of_each_address_agree() -> None:
    bootstrap = SERVICES["annotate"]["environment"]["TIDEGAUGE_KAFKA__BOOTSTRAP"]
    assert (
        f"INTERNAL://{bootstrap}" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    )
    published = SERVICES["kafka"]["ports"][0].rpartition(":")[0]
    assert f"HOST://{published}" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    stage, store = SERVICES["sink"]["environment"], SERVICES["clickhouse"]["environment"]
    for ours, theirs in (("USER", "USER"), ("PASSWORD", "PASSWORD"), ("DATABASE", "DB")):
        assert stage[f"TIDEGAUGE_CLICKHOUSE__{ours}"] == store[f"CLICKHOUSE_{theirs}"]
    health = re.search(r"HEALTH_URL=\S+:(\d+)/", (ROOT / "Dockerfile").read_text("utf-8"))
    assert health
    assert int(health[1]) == stage["TIDEGAUGE_METRICS_PORT"]


def test_the_image_carries_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = {s["image"] for s in SERVICES.values() if "build" in s}
    assert ours == {f"tidegauge:{project['version']}"}


def test_the_image_copies_only_what_the_build_context_lets_in() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line[0] == "!"
    }
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.M
    )
    sources = {word.removeprefix("./") for line in copies for word in line.split()}
    assert sources == allowed
    assert not [source for source in sources if not (ROOT / source).exists()]
