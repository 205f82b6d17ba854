"""A ClickHouse server for one machine: the `chdb` engine behind ClickHouse's HTTP interface.

Ordinary `clickhouse_connect` clients, sync or async, work against it unchanged. It listens on
loopback only, knows no users, and answers no browser page (an `Origin` or a foreign `Host` is
refused, so a web page cannot reach it through the reader's browser). No sessions, no external
tables, one statement a request. Answers are built whole before they are sent, so a failure always
has its proper status.

    python -m streams.embedded.clickhouse --data FOLDER --announce PATH [--port N]

When a write to the folder failed it becomes itself anew, as the same process on the same port.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from streams.embedded.announce import LOOPBACK, Fact, announce, check_port, read_announcement
from streams.embedded.clickhouse_encoding import decoded, encoded
from streams.embedded.clickhouse_engine import Answer, Engine
from streams.embedded.clickhouse_statement import (
    DEFAULT_FORMAT,
    Request,
    StatementRefused,
    parse_statement,
)
from streams.embedded.program import run_program, until_told_to_stop

READS_AT_ONCE = 64
WRITES_AT_ONCE = 4
"""Threads of their own, so that slow queries never keep an insert waiting. Many for reads, as an
insert through `clickhouse_connect` begins with one (DESCRIBE TABLE)."""

MAX_URL_BYTES = 1024 * 1024
MAX_BODY_BYTES = 256 * 1024 * 1024
SHUTDOWN_SECONDS = 2.0

_NOT_SETTINGS = frozenset(
    {
        "query",
        "database",
        "default_format",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "user",
        "password",
        "quota_key",
        "role",
        "compress",
        "decompress",
        "buffer_size",
        "wait_end_of_query",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "client_protocol_version",
        "cancel_http_readonly_queries_on_client_close",
    }
)
logger = logging.getLogger(__name__)

_LOCAL_HOSTS = frozenset({LOOPBACK, "localhost", "[::1]"})


class Server:
    """The HTTP face of one engine."""

    def __init__(self, engine: Engine) -> None:
        """Serve `engine`, which stays the caller's to close."""
        self._engine = engine
        self._version, self._zone = engine.describe()
        self._readers = ThreadPoolExecutor(READS_AT_ONCE, "read")
        self._writers = ThreadPoolExecutor(WRITES_AT_ONCE, "write")
        self._control = ThreadPoolExecutor(1, "control")
        self._reading: set[str] = set()

    def application(self) -> web.Application:
        """The routes: statements at `/`, liveness at `/ping`."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_get("/ping", self._ping)
        application.router.add_route("*", "/", self._statement)
        return application

    def give_up_queries(self) -> None:
        """Make every running query end with an error, now."""
        for query_id in tuple(self._reading):
            self._give_up(query_id)

    def stop(self) -> None:
        """Give up running queries and wait for running inserts."""
        self.give_up_queries()
        for threads in (self._readers, self._writers, self._control):
            threads.shutdown(cancel_futures=True)

    async def _ping(self, request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _statement(self, http: web.Request) -> web.Response:
        query_id = http.query.get("query_id") or str(uuid.uuid4())
        headers = {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": "tidegauge-embedded",
            "X-ClickHouse-Timezone": http.query.get("session_timezone", self._zone),
        }
        try:
            _refuse_browsers(http)
            if http.method == "GET" and "query" not in http.query:
                return web.Response(text="Ok.\n", headers=headers)
            request = await _read_request(http, query_id)
            answer = await self._run(request)
        except StatementRefused as refused:
            headers["X-ClickHouse-Exception-Code"] = str(refused.code)
            text = f"{refused} (version {self._version})\n"
            return web.Response(status=refused.status, text=text, headers=headers)
        return _respond(http, request, answer, headers)

    async def _run(self, request: Request) -> Answer:
        """Run in a thread; if the client leaves, a query is given up and an insert completes."""
        loop = asyncio.get_running_loop()
        if not request.statement.reads:
            return await loop.run_in_executor(self._writers, self._engine.run, request)
        self._reading.add(request.query_id)
        try:
            return await loop.run_in_executor(self._readers, self._engine.run, request)
        except asyncio.CancelledError:
            self._control.submit(self._give_up, request.query_id)
            raise
        finally:
            self._reading.discard(request.query_id)

    def _give_up(self, query_id: str) -> None:
        try:
            self._engine.cancel(query_id)
        except StatementRefused:
            logger.exception("query %s runs on without a client", query_id)


def _refuse_browsers(http: web.Request) -> None:
    host = http.host.rsplit(":", 1)[0] if not http.host.endswith("]") else http.host
    if "Origin" in http.headers or host not in _LOCAL_HOSTS:
        raise StatementRefused(497, "Web pages may not query this server. (ACCESS_DENIED)")


async def _read_request(http: web.Request, query_id: str) -> Request:
    """What the URL, the headers and the body (raw or form) together ask for."""
    fields: dict[str, str] = dict(http.query)
    body = b""
    if http.content_type == "multipart/form-data":
        fields |= await _read_form(http)
    else:
        body = await http.read()
        encoding = http.headers.get("Content-Encoding", "")
        if encoding:
            body = await asyncio.to_thread(decoded, body, encoding)
    query = fields.get("query", "").encode()
    text = query + b"\n" + body if query and body else query or body
    wanted = fields.get("default_format") or http.headers.get("X-ClickHouse-Format")
    settings = {
        name: value
        for name, value in fields.items()
        if name not in _NOT_SETTINGS and not name.startswith("param_")
    }
    return Request(
        statement=parse_statement(text, wanted or DEFAULT_FORMAT),
        query_id=query_id,
        database=fields.get("database") or http.headers.get("X-ClickHouse-Database"),
        settings=settings | ({"readonly": "1"} if http.method == "GET" else {}),
        parameters={
            name.removeprefix("param_"): value
            for name, value in fields.items()
            if name.startswith("param_")
        },
    )


async def _read_form(http: web.Request) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in (await http.post()).items():
        if not isinstance(value, str):
            raise StatementRefused(48, "External tables are not taken here. (NOT_IMPLEMENTED)")
        fields[name] = value
    return fields


def _respond(
    http: web.Request, request: Request, answer: Answer, headers: Mapping[str, str]
) -> web.Response:
    response = web.Response(headers=headers)
    response.headers["X-ClickHouse-Summary"] = json.dumps(dict(answer.counts))
    if request.statement.answers:
        response.headers["X-ClickHouse-Format"] = request.statement.format
    response.content_type = "application/octet-stream"
    body = answer.body
    if http.query.get("enable_http_compression") == "1":
        body, encoding = encoded(body, http.headers.get("Accept-Encoding", ""))
        if encoding:
            response.headers["Content-Encoding"] = encoding
    response.body = body
    return response


async def serve(folder: Path, path: Path, port: int, undo_since: float | None = None) -> None:
    """Run the server until told to stop, announced at `path` once it answers.

    After a write that failed it ends, and the process begins anew with `undo_since`.

    Raises:
        ConfigurationError: the folder or the port is not to be had.
    """
    check_port(port)
    engine = Engine(folder, undo_since)
    try:
        server = Server(engine)
        runner = web.AppRunner(
            server.application(),
            access_log=None,
            handler_cancellation=True,
            auto_decompress=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            max_line_size=MAX_URL_BYTES,
        )
        await runner.setup()
        damaged = False
        try:
            port = await _listen(runner, port)
            _announce(path, port)
            damaged = await _is_damaged_before_told_to_stop(engine)
        finally:
            for site in tuple(runner.sites):
                await site.stop()
            await asyncio.to_thread(server.give_up_queries)
            await runner.cleanup()
            if damaged:
                _begin_anew(folder, path, port, engine.writes.sound_at)
            server.stop()
    finally:
        engine.close()


def _announce(path: Path, port: int) -> None:
    """Announce the address, unless that stands there already: the disk may be full."""
    facts: dict[str, Fact] = {"host": LOOPBACK, "port": port}
    if read_announcement(path) != facts:
        announce(path, facts)


async def _is_damaged_before_told_to_stop(engine: Engine) -> bool:
    told = asyncio.create_task(until_told_to_stop())
    damaged = asyncio.create_task(engine.writes.until_damaged())
    await asyncio.wait({told, damaged}, return_when=asyncio.FIRST_COMPLETED)
    stopped = told.done()
    for task in (told, damaged):
        if task.done():
            task.result()
        task.cancel()
    return not stopped


def _begin_anew(folder: Path, path: Path, port: int, sound_at: float) -> None:
    """Become this program anew, at once: what the engine still does in its threads ends with it."""
    logger.error("a write to %s failed, no room?: opening it anew", folder)
    where = ("--data", str(folder), "--announce", str(path), "--port", str(port))
    program = (sys.executable, "-m", "streams.embedded.clickhouse")
    os.execv(sys.executable, [*program, *where, "--undo-since", repr(sound_at)])


async def _listen(runner: web.AppRunner, port: int) -> int:
    await web.TCPSite(runner, LOOPBACK, port).start()
    bound: int = runner.addresses[0][1]
    return bound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server as a program; its exit code."""
    parser = argparse.ArgumentParser(prog="streams.embedded.clickhouse", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder, made if need be")
    parser.add_argument("--announce", type=Path, required=True, help="file that gets the address")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any)")
    parser.add_argument("--undo-since", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    where = (options.data, options.announce, options.port, options.undo_since)
    return run_program(lambda: asyncio.run(serve(*where)))


if __name__ == "__main__":
    sys.exit(main())
