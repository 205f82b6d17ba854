"""The desk's API on its port: an ASGI server as one task of the process's event loop."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from models.errors import ConfigurationError
from models.settings import Desk

log = logging.getLogger("tidegauge")

LEAVING_SECONDS = 3
"""What is being answered when the desk stops is finished, unless it takes longer."""

IDLE_SECONDS = 30
BACKLOG = 512


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the process stops its tasks itself."""
        yield


def listening(desk: Desk) -> socket.socket:
    """A socket on the desk's host and port.

    Raises:
        ConfigurationError: the port is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in desk.host else socket.AF_INET
    try:
        return socket.create_server((desk.host, desk.port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise ConfigurationError(
            f"the review desk cannot listen on {desk.host}:{desk.port}: {exc.strerror or exc}; "
            "set TIDEGAUGE_DESK__PORT to another port (0 takes a free one), or TIDEGAUGE_DESK__HOST"
        ) from exc


def where(sock: socket.socket) -> str:
    """The address that a listening socket can be reached at."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def served(app: FastAPI, sock: socket.socket) -> None:
    """Serve until cancelled; what is being answered then is finished first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LEAVING_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
