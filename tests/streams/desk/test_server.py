"""The desk's port, and a stop in the middle of an answer."""

import asyncio
import socket
import threading

import httpx2
import pytest
from fastapi import FastAPI

from models.errors import ConfigurationError
from models.settings import Desk
from streams.desk.server import listening, served, where
from streams.worker import exit_code


def test_a_port_that_is_taken_is_a_setting_to_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*DESK__PORT") as caught:
            listening(Desk(port=port))
    assert exit_code(caught.value) == 78


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "::zz"])
def test_a_host_that_is_none_of_ours_is_a_setting_to_mend(host: str) -> None:
    with pytest.raises(ConfigurationError, match="DESK__HOST"):
        listening(Desk(host=host, port=0))


def test_where_it_listens() -> None:
    with listening(Desk(port=0)) as sock:
        assert where(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"


async def test_what_is_being_answered_is_finished_before_the_end() -> None:
    app, asked, go = FastAPI(), threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        asked.set()
        go.wait(20)
        return "done"

    sock = listening(Desk(port=0))
    url = where(sock)
    task = asyncio.create_task(served(app, sock))
    answer = asyncio.create_task(
        asyncio.to_thread(httpx2.get, f"{url}/slow", timeout=30, trust_env=False)
    )
    assert await asyncio.to_thread(asked.wait, 20)
    task.cancel()
    await asyncio.sleep(0.3)
    go.set()
    assert (await answer).json() == "done"
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(httpx2.ConnectError):
        await asyncio.to_thread(httpx2.get, url, trust_env=False)
