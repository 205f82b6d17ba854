"""Starting a dashboard process for browser tests."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.settings import ClickHouse

ROOT = Path(__file__).parents[1]
START_SECONDS = 60


@contextmanager
def running(where: ClickHouse, folder: Path) -> Iterator[str]:
    """A dashboard process on the given store."""
    port = free_port()
    program = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    arguments = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    environment = {
        **os.environ,  # noqa: TID251
        "TIDEGAUGE_CLICKHOUSE__URL": where.url,
        "TIDEGAUGE_CLICKHOUSE__DATABASE": where.database,
        "TIDEGAUGE_DATA": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*program, *arguments], cwd=folder, env=environment, stdout=out, stderr=out
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()


def free_port() -> int:
    """A port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"no dashboard after {START_SECONDS} s:\n{log.read_text()[-2000:]}")
