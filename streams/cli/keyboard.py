"""Single keys from a terminal, with a limit to the waiting."""

import codecs
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.errors import ConfigurationError

Keys = Callable[[float], str | None]
"""The next key, or null when none came within so many seconds. An empty text: no more will come."""

ENTER = "\r\n"
ERASE = "\x7f\x08"
ESCAPE = "\x1b"
END = "\x04"
_READ = 64


@contextmanager
def keys_pressed() -> Iterator[Keys]:
    """Keys as they are pressed, without echo; the terminal is as it was before afterwards.

    Raises:
        ConfigurationError: standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError("this needs a terminal: keys are read one by one")
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield _reader(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _reader(fd: int) -> Keys:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting: list[str] = []

    def key(seconds: float) -> str | None:
        if not waiting and not _ready(fd, seconds):
            return None
        if not waiting:
            read = os.read(fd, _READ)
            if not read:
                return ""
            waiting.extend(decoder.decode(read))
        if not waiting:
            return None
        first = waiting.pop(0)
        if first == ESCAPE and waiting:  # an arrow or a function key: no key of ours
            waiting.clear()
            return None
        return first

    return key


def _ready(fd: int, seconds: float) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])
