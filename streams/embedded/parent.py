"""A child's tie to its parent, two ways, so that no child survives even a kill -9 of the parent.

* On Linux the kernel does it (`PR_SET_PDEATHSIG`). `tied()` puts this file in front of a program's
  arguments; run so, it asks the kernel for SIGKILL on the parent's death and becomes the program.
* Elsewhere the file stays in between and watches its standard input, a pipe whose other end only
  the parent holds: end of file means the parent is gone.
* Our own programs also call `exit_with_parent()`, which watches that pipe from inside and lets them
  end in good order.

Only the standard library is imported here: the file is run by path, before anything is set up.
"""

import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 5.0


def tied(argv: Sequence[str]) -> list[str]:
    """`argv` changed so that the program it starts dies with the process that starts it."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def exit_with_parent(grace_seconds: float = GRACE_SECONDS) -> None:
    """Make this process end once the pipe on its standard input reaches its end.

    It first gets SIGTERM, as from a supervisor, and is ended the hard way `grace_seconds` later. A
    standard input that is no pipe (a terminal, /dev/null) ties nothing.
    """
    if _stdin_is_pipe():
        threading.Thread(target=_watch, args=(grace_seconds,), name="parent", daemon=True).start()


def _stdin_is_pipe() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:  # closed altogether
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _read_to_end() -> None:
    while os.read(0, 4096):
        continue


def _watch(grace_seconds: float) -> None:
    _read_to_end()
    timer = threading.Timer(grace_seconds, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
    os.kill(os.getpid(), signal.SIGTERM)


def become(parent: int, argv: list[str]) -> None:
    """Tie this process to `parent` in the kernel and turn it into `argv` (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)
    os.execvp(argv[0], argv)


def stand_between(argv: list[str]) -> int:
    """Run `argv`, pass SIGTERM on, kill it when standard input ends; the program's exit code."""
    program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())

    def end_program() -> None:
        _read_to_end()
        program.kill()

    threading.Thread(target=end_program, daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Tie and run the program named on the command line: parent's pid, then its arguments."""
    parent, argv = int(arguments[0]), arguments[1:]
    try:
        if not sys.platform.startswith("linux"):
            return stand_between(argv)
        become(parent, argv)
    except OSError as error:
        print(f"cannot start {argv[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 78
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
