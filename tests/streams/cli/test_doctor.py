import json
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from models.settings import Endpoint
from streams.cli.doctor import (
    examine_tasks,
    folder_finding,
    kafka_finding,
    model_finding,
    page_finding,
)
from streams.cli.main import app
from streams.delivery.provision import ensure_topics
from streams.embedded.apache_kafka import Cluster
from tests.kafka_here import PASSWORD, USER, settings_for


def test_everything_wrong_is_listed_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("TIDEGAUGE_KAFKA__BOOTSTRAP", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("COLUMNS", "200")
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 1
    assert "start `tidegauge up`, or set TIDEGAUGE_KAFKA__BOOTSTRAP" in said.stdout
    assert "start `tidegauge up`, or set TIDEGAUGE_CLICKHOUSE__URL" in said.stdout
    assert "none is served here" in said.stdout


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGAUGE_KAFKA__PARTITIONS", "none")
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 1
    assert "TIDEGAUGE_KAFKA__PARTITIONS" in said.stdout


def test_a_wrong_task_file_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("name: t")
    tasks, found = examine_tasks((path,))
    assert not tasks
    assert found[0].fix


def test_a_folder_that_cannot_be_made_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert folder_finding(tmp_path / "file" / "data").fix
    assert not folder_finding(tmp_path / "data").fix


@pytest.mark.parametrize(
    ("key", "model", "fix"),
    [("right", "small", ""), ("wrong", "small", "API_KEY"), ("right", "other", "'other'")],
)
async def test_an_endpoint_is_asked_for_credential_and_model(
    key: str, model: str, fix: str, free_port: int
) -> None:
    async def models(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer right":
            return web.Response(status=401)
        return web.Response(text=json.dumps({"data": [{"id": "small"}, {"id": "big"}]}))

    server = web.Application()
    server.router.add_get("/v1/models", models)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", free_port).start()
    try:
        endpoint = Endpoint.model_validate(
            {"base_url": f"http://127.0.0.1:{free_port}/v1", "api_key": key, "model": model}
        )
        found = await model_finding("model", endpoint, {model})
    finally:
        await runner.cleanup()
    assert fix in found.fix
    assert bool(fix) == bool(found.fix)


async def test_an_endpoint_that_is_not_there_is_a_finding(free_port: int) -> None:
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{free_port}/v1")
    assert "set TIDEGAUGE_MODEL__BASE_URL" in (await model_finding("model", endpoint, {"m"})).fix


@pytest.mark.kafka
async def test_a_kafka_is_asked_for_topics_and_whether_it_lets_us_in(kafka_here: Cluster) -> None:
    def login(password: str) -> dict[str, str]:
        how = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN"}
        return {**how, "username": USER, "password": password}

    refused = await kafka_finding(settings_for(kafka_here, "PLAIN", security=login("guess")))
    assert "refuses the user 'alice' or its password" in refused.fix
    assert "guess" not in refused.said + refused.fix
    settings = settings_for(kafka_here, "PLAIN", security=login(PASSWORD))
    assert "run `tidegauge migrate`" in (await kafka_finding(settings)).fix
    await ensure_topics(settings)
    found = await kafka_finding(settings)
    assert not found.fix
    assert "(kafka, SASL_PLAINTEXT), topics" in found.said


@pytest.mark.parametrize(("status", "mends"), [(200, ""), (503, "logs/desk.log")])
async def test_a_desk_is_asked_how_it_is(status: int, mends: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    application = web.Application()
    application.router.add_get("/v1/health", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/health"
        found = await page_finding("desk", url)
    finally:
        await runner.cleanup()
    assert mends in found.fix
    assert bool(found.fix) == bool(mends)


async def test_a_desk_that_is_not_there_names_the_command(free_port: int) -> None:
    found = await page_finding("desk", f"http://127.0.0.1:{free_port}/v1/health")
    assert found.fix == "start it: `tidegauge desk`"
