"""How a child program tells whoever started it where it listens: one small JSON file.

The file appears only once the program answers, and appears whole (written aside, then renamed), so
its existence is the readiness signal and a reader never sees half of it.
"""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from models.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

Fact = str | int
"""What an announcement may hold under a key."""


def announce(path: Path, facts: Mapping[str, Fact]) -> None:
    """Publish `facts` (always with `host` and `port`) at `path`, atomically.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(dict(facts)) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot write the announcement ({error.strerror}); "
            "choose a writable --announce path"
        ) from error


def read_announcement(path: Path) -> dict[str, Fact] | None:
    """What stands at `path`, or None while nothing does."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return {str(key): value for key, value in facts.items()}


def check_port(port: int) -> None:
    """Find out, before a program makes much noise about it, whether it can listen on `port`.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        with socket.create_server((LOOPBACK, port)):
            return
    except OSError as error:
        raise ConfigurationError(
            f"--port {port}: cannot listen there ({error.strerror}); choose another, or 0 for any"
        ) from error
