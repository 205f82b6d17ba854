import subprocess
import sys
from pathlib import Path

import pytest

from streams.embedded.parent import stand_between, tied

pytestmark = pytest.mark.processes
PATIENCE = 20
WATCHED = (
    "import signal, sys; sys.path.insert(0, {root!r});"
    "from streams.embedded.parent import exit_with_parent;"
    "{before}; exit_with_parent(0.2); print('ready', flush=True); signal.pause()"
)
ROOT = str(Path(__file__).parents[3])


def watched(before: str, stdin: int) -> subprocess.Popen[bytes]:
    program = WATCHED.format(root=ROOT, before=before)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=stdin, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(
    ("before", "code"),
    [("pass", -15), ("signal.signal(signal.SIGTERM, lambda *_: None)", 1)],
    ids=["obeys", "ignores SIGTERM"],
)
def test_the_end_of_the_pipe_ends_the_program(before: str, code: int) -> None:
    loop = (
        before
        if before == "pass"
        else f"{before}; signal.pause = lambda: [0 for _ in iter(int, 1)]"
    )
    with watched(loop, subprocess.PIPE) as process:
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == code


def test_a_program_started_by_hand_is_tied_to_nothing() -> None:
    with watched("pass", subprocess.DEVNULL) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()


def test_a_tied_program_is_the_program_itself() -> None:
    script = "import os, sys; print(os.getpid(), sys.argv[1:])"
    argv = tied([sys.executable, "-c", script, "a b", "--c"])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert output == f"{process.pid} ['a b', '--c']\n"


def test_a_program_that_is_not_there_is_one_line_and_exit_78() -> None:
    ended = subprocess.run(
        tied(["no-such-program"]), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 78
    assert ended.stderr == "cannot start no-such-program: No such file or directory\n"


def test_where_the_kernel_does_not_help_somebody_stands_between() -> None:
    inner = "import signal; print('ready', flush=True); signal.pause()"
    between = (
        f"import sys; sys.path.insert(0, {ROOT!r}); from streams.embedded.parent import *;"
        f"sys.exit(stand_between([sys.executable, '-c', {inner!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", between], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(PATIENCE) == 128 + 9
    assert callable(stand_between)
