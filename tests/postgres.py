"""A real PostgreSQL for tests that are marked `postgres`, or the reason why there is none.

One server of the test's own: made in a folder of its own, listening on loopback at a free port,
never run as root, gone with the process that started it.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from streams.embedded.ports import free_port

USER, PASSWORD = "tidegauge", "correct-horse"
READY_SECONDS = 60.0
UNSAFE = {"fsync": "off", "full_page_writes": "off"}
"""What a test may do without that kills no server: a dead machine would lose data."""


class NoPostgres(Exception):
    """There is no PostgreSQL on this machine that a test could start; the text says why."""


@dataclass(frozen=True)
class Server:
    """A server in a folder; it may be running or not."""

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """The SQLAlchemy URL of one of its databases."""
        made = URL.create("postgresql+psycopg", USER, password, "127.0.0.1", self.port, database)
        return made.render_as_string(hide_password=False)

    def new_database(self) -> str:
        """The URL of a database that nobody else has."""
        name = f"t{uuid.uuid4().hex[:12]}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine.dispose()
        return self.url(name)

    def new_schema(self) -> str:
        """The URL of a schema of that kind: much cheaper than a database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.exec_driver_sql(f'CREATE SCHEMA "{name}"')
        engine.dispose()
        return f"{self.url()}?options=-c%20search_path%3D{name}"

    def start(self) -> "subprocess.Popen[bytes]":
        """Its process, once it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            **self.settings,
        }
        argv = [str(programs() / "postgres"), "-D", str(self.folder / "data")]
        argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + READY_SECONDS
        while True:
            log = self.folder / "log"
            log.write_bytes(b"")
            with log.open("ab") as said:
                command = as_nobody_special(argv, until_death=True)
                process = subprocess.Popen(command, stdout=said, stderr=said, cwd=self.folder)
            if self._answers(process, deadline):
                return process
            why = log.read_text("utf-8", "replace")
            if "still in use" not in why or time.monotonic() > deadline:
                raise RuntimeError(why[-2000:])  # else: a killed server's children are still going

    def _answers(self, process: "subprocess.Popen[bytes]", deadline: float) -> bool:
        """Waits until it does, or has ended without."""
        probe = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(probe, check=False).returncode != 0:
            if time.monotonic() > deadline:
                process.kill()
            if process.poll() is not None:
                return False
            time.sleep(0.05)
        return True


def stop(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGQUIT) -> None:
    """Ends a server at once, as a crash would; with SIGINT it ends in good order."""
    process.send_signal(how)
    process.wait(READY_SECONDS)


@contextlib.contextmanager
def running(settings: Mapping[str, str] = UNSAFE) -> Iterator[Server]:
    """A server while it is needed; nothing of it stays.

    Raises:
        NoPostgres: it is not installed here.
    """
    server = made(settings)
    with kept(server):
        process = server.start()
        try:
            yield server
        finally:
            stop(process)


@contextlib.contextmanager
def kept(server: Server) -> Iterator[None]:
    """Its folder while it is needed."""
    try:
        yield
    finally:
        shutil.rmtree(server.folder)


def made(settings: Mapping[str, str] = UNSAFE) -> Server:
    """A new server that does not run yet; its folder is for `kept` to remove."""
    initdb = as_nobody_special([str(programs() / "initdb")])
    mine = owner()
    folder = Path(tempfile.mkdtemp(prefix="tidegauge-pg-"))
    password = folder / "password"
    password.write_text(PASSWORD)
    options = ["--username", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
    options += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    for path in (folder, password):
        os.chown(path, *mine)
    subprocess.run(
        [*initdb, "-D", str(folder / "data"), *options],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    return Server(folder, free_port(), settings)


def programs() -> Path:
    """Where the newest PostgreSQL's programs are."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    if anywhere := shutil.which("initdb"):
        return Path(anywhere).resolve().parent
    raise NoPostgres("PostgreSQL is not installed here: sh .ci/postgres")


def owner() -> tuple[int, int]:
    """Who runs the server: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError as exc:
        raise NoPostgres(
            "there is no user postgres here who could run it: sh .ci/postgres"
        ) from exc
    return entry.pw_uid, entry.pw_gid


def as_nobody_special(argv: Sequence[str], *, until_death: bool = False) -> list[str]:
    """The command as the server's owner; it may end with the process that starts it."""
    if shutil.which("setpriv") is None:
        if os.geteuid() == 0:
            raise NoPostgres("setpriv (util-linux) is needed to start PostgreSQL as another user")
        return list(argv)
    options = ["--pdeathsig", "INT"] if until_death else []
    if os.geteuid() == 0:
        uid, gid = owner()
        options += [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return ["setpriv", *options, "--", *argv] if options else list(argv)
