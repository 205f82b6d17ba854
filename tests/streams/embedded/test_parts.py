import socket
from pathlib import Path

import pytest

from models.errors import ConfigurationError
from models.settings import Desk, Settings
from streams.embedded.parts import (
    LOCAL_CONCURRENCY,
    Own,
    Wanted,
    dashboard,
    desk_placed,
    foundation,
    idle_workers,
    many_workers,
    own_parts,
    resolved,
    workers,
)
from streams.topics import STAGES

STORE = Path("/store")


def test_what_is_not_given_is_started() -> None:
    assert own_parts(Settings(), Wanted(STORE)) == Own(True, True, "local")


def test_what_the_settings_or_options_name_is_not() -> None:
    settings = Settings.model_validate(
        {"kafka": {"bootstrap": "k:1"}, "clickhouse": {"url": "http://c:1"}}
    )
    assert own_parts(settings, Wanted(STORE)) == Own(False, False, "local")
    wanted = Wanted(STORE, kafka="k:1", clickhouse="http://c:1", model="http://m:1/v1")
    assert own_parts(Settings(), wanted) == Own(False, False, "")
    endpoint = Settings.model_validate({"model": {"base_url": "http://m:1/v1"}})
    assert own_parts(endpoint, Wanted(STORE)).model == ""


def test_embedded_is_started_even_if_an_address_is_set() -> None:
    settings = Settings.model_validate({"kafka": {"bootstrap": "k:1"}})
    assert own_parts(settings, Wanted(STORE, kafka="embedded")).broker


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(STORE, model="scripted"), "needs --key"),
        (Wanted(STORE, model="gpt"), "local, scripted or http"),
        (Wanted(STORE, clickhouse="http://u:hush@c:1"), "may not carry a password"),
    ],
)
def test_wrong_options_are_refused(wanted: Wanted, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as raised:
        own_parts(Settings(), wanted)
    assert "hush" not in str(raised.value)


def test_announced_addresses_become_settings() -> None:
    facts: dict[str, dict[str, str | int]] = {
        "broker": {"host": "127.0.0.1", "port": 1},
        "clickhouse": {"host": "127.0.0.1", "port": 2},
        "model": {"host": "127.0.0.1", "port": 3, "model": "small"},
    }
    found = resolved(Settings(), Wanted(STORE), facts, incarnation=9)
    assert (found.kafka.bootstrap, found.kafka.broker) == ("127.0.0.1:1", "embedded")
    assert (found.kafka.incarnation, found.kafka.start) == (9, "earliest")
    assert found.clickhouse.url == "http://127.0.0.1:2"
    assert (found.model.base_url, found.model.kind) == ("http://127.0.0.1:3/v1", "local")
    assert (found.model.model, found.model.concurrency) == ("small", LOCAL_CONCURRENCY)


def test_given_addresses_become_settings() -> None:
    wanted = Wanted(STORE, kafka="k:1", clickhouse="http://c:1", model="http://m:1/v1")
    found = resolved(Settings(), wanted, {}, incarnation=0)
    assert (found.kafka.bootstrap, found.kafka.broker) == ("k:1", "kafka")
    assert found.clickhouse.url == "http://c:1"
    assert (found.model.base_url, found.model.kind) == ("http://m:1/v1", "endpoint")


def test_only_own_parts_are_children(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    children = foundation(settings, Wanted(STORE), Own(True, False, "local"), {})
    assert [child.name for child in children] == ["broker", "model"]
    assert not children[0].restart, "a new broker has other addresses: the caller starts all anew"
    scripted = Wanted(STORE, model="scripted", key=tmp_path / "key")
    [model] = foundation(settings, scripted, Own(False, False, "scripted"), {Path("/t.yaml"): None})  # type: ignore[dict-item]
    assert ("--key", str(tmp_path / "key")) == model.argv[model.argv.index("--key") :][:2]
    assert "/t.yaml" in model.argv


def test_a_worker_is_named_by_stage_and_slot(tmp_path: Path) -> None:
    [first] = workers(Settings(data=tmp_path), ["judge"])
    [second] = workers(Settings(data=tmp_path, slot="2"), ["judge"], {"MORE": "x"})
    assert (first.name, second.name) == ("judge", "judge-2")
    assert first.argv[-1] == second.argv[-1] == "judge"
    assert second.env is not None
    assert (second.env["TIDEGAUGE_SLOT"], second.env["MORE"]) == ("2", "x")
    assert second.env["PROMETHEUS_MULTIPROC_DIR"].startswith(str(tmp_path))


def test_many_workers_have_a_slot_each(tmp_path: Path) -> None:
    children = many_workers(Settings(data=tmp_path), ["annotate", "judge"], 2)
    assert [child.name for child in children] == ["annotate", "judge", "annotate-1", "judge-1"]
    assert [(child.env or {})["TIDEGAUGE_SLOT"] for child in children] == ["0", "0", "1", "1"]
    [first, second] = many_workers(Settings(data=tmp_path, slot="4"), ["route"], 2)
    assert (first.name, second.name) == ("route-4", "route-5")


def test_there_is_one_desk_however_many_workers(tmp_path: Path) -> None:
    names = [child.name for child in many_workers(Settings(data=tmp_path), STAGES, 3)]
    assert names.count("desk") == 1
    assert not [name for name in names if name.startswith("desk-")]
    assert names.count("sink-2") == 1


def test_the_desk_takes_its_usual_port_or_a_free_one_and_insists_on_one_that_is_set(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    assert desk_placed(Settings()).desk.port != 0
    monkeypatch.delenv("TIDEGAUGE_DESK__PORT")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        usual = Settings(desk=Desk.model_construct(_fields_set=set(), port=port))
        placed = desk_placed(usual)
        assert placed.desk.port != port
        assert placed.desk.url == placed.desk_url == f"http://127.0.0.1:{placed.desk.port}"
        assert desk_placed(Settings(desk={"port": port})).desk.port == port
    free = Settings(desk=Desk.model_construct(_fields_set=set(), port=free_port))
    assert desk_placed(free).desk.port == free_port
    named = Settings(desk={"port": free_port, "url": "http://desk.example"})
    assert desk_placed(named).desk_url == "http://desk.example"


def test_a_desk_that_listens_everywhere_is_asked_here() -> None:
    assert Settings(desk={"host": "0.0.0.0", "port": 7}).desk_url == "http://127.0.0.1:7"
    assert Settings(desk={"host": "::", "port": 7}).desk_url == "http://[::1]:7"


def test_a_worker_gets_longer_to_stop_than_it_takes(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    [child] = workers(settings, ["judge"])
    assert child.stop_seconds > settings.delivery.stop_seconds


def test_more_workers_than_partitions_are_named() -> None:
    assert idle_workers(Settings(), 4) == ""
    assert "2 of each stage stand by" in idle_workers(Settings(), 6)


def test_the_pages_are_on_loopback(tmp_path: Path) -> None:
    child = dashboard(Settings(data=tmp_path), 8123)
    assert child.listens_on == 8123
    assert child.argv[child.argv.index("--server.address") + 1] == "127.0.0.1"
