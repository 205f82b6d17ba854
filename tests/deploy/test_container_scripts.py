"""What runs inside the containers: the stage script and the health check."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shell")


@contextmanager
def stage(folder: Path, worker: str) -> Iterator[subprocess.Popen[str]]:
    """The stage script with a stand-in for the worker command."""
    program = folder / "tidegauge"
    program.write_text(f"#!/bin/sh\n{worker}\n")
    program.chmod(0o755)
    process = subprocess.Popen(
        ["sh", str(DEPLOY / "stage.sh"), "annotate"],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return [process.stdout.readline().strip() for _ in range(count)]


def test_the_worker_gets_its_stage_and_a_slot_of_its_container(tmp_path: Path) -> None:
    with stage(tmp_path, 'echo "$@"; echo "$TIDEGAUGE_SLOT"') as process:
        arguments, slot = lines(process, 2)
        assert process.wait(10) == 0
    assert arguments == "worker --stages annotate"
    assert slot == subprocess.check_output(["hostname"], text=True).strip()


@pytest.mark.parametrize("code", [0, 1, 69])
def test_the_workers_exit_code_is_the_containers(tmp_path: Path, code: int) -> None:
    with stage(tmp_path, f"exit {code}") as process:
        assert process.wait(10) == code


def test_being_stopped_reaches_the_worker_which_may_finish(tmp_path: Path) -> None:
    finishing = "trap 'echo finished; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with stage(tmp_path, finishing) as process:
        assert lines(process, 1) == ["ready"]
        process.send_signal(signal.SIGTERM)
        assert lines(process, 1) == ["finished"]
        assert process.wait(10) == 0


@pytest.mark.parametrize("code", [65, 78])
def test_what_a_person_must_mend_is_not_started_again_and_can_be_stopped(
    tmp_path: Path, code: int
) -> None:
    with stage(tmp_path, f"echo wrong >&2; exit {code}") as process:
        assert process.stderr
        assert process.stderr.readline() == "wrong\n"
        assert "must be mended" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/metrics" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def healthy(url: str) -> int:
    command = [sys.executable, str(DEPLOY / "healthy.py")]
    done = subprocess.run(command, env={"HEALTH_URL": url}, check=False, capture_output=True)
    return done.returncode


def test_healthy_means_that_the_address_answers(free_port: int) -> None:
    assert healthy(f"http://127.0.0.1:{free_port}/metrics") == 1
    with ThreadingHTTPServer(("127.0.0.1", free_port), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert healthy(f"http://127.0.0.1:{free_port}/metrics") == 0
        assert healthy(f"http://127.0.0.1:{free_port}/else") == 1
        server.shutdown()
