"""Loopback ports for programs that must keep their address, over restarts too."""

import random
import socket
from itertools import islice

from models.errors import ConfigurationError
from streams.embedded.announce import LOOPBACK

_PORTS = range(20_000, 30_000)
"""Below those that systems give to clients: nobody's connection takes one while it is not used."""


def free_port() -> int:
    """A loopback TCP port nobody listens on now, for a program that must keep its address.

    Raises:
        ConfigurationError: none of those tried is free.
    """
    return free_ports(1)[0]


def free_ports(count: int, wished: int | None = None) -> list[int]:
    """So many of them; the one wished for comes first, while it is free.

    Raises:
        ConfigurationError: too few of those tried are free.
    """
    asked = [*([wished] if wished else []), *random.sample(_PORTS, 20 * count)]
    found = list(islice(filter(is_free, dict.fromkeys(asked)), count))
    if len(found) < count:
        raise ConfigurationError(f"no {count} free ports between {_PORTS[0]} and {_PORTS[-1]}")
    return found


def is_free(port: int) -> bool:
    """Whether a program could listen there on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
