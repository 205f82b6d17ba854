"""Loopback ports for programs that must keep their address, over restarts too."""

import os
import socket
from itertools import chain, count, islice

from models.errors import ConfigurationError
from streams.embedded.announce import LOOPBACK

_PORTS = range(20_000, 30_000)
"""Below those that systems give to clients: nobody's connection takes one while it is not used."""

_turns = count(os.getpid() * 6_180)
"""Each process takes them in turn from a place of its own (neighbours' are far apart, by the golden
ratio), so that it hardly meets one that another's program is about to listen on."""


def free_port() -> int:
    """A loopback TCP port nobody listens on now, for a program that must keep its address.

    Raises:
        ConfigurationError: none of those tried is free.
    """
    return free_ports(1)[0]


def free_ports(number: int, wished: int | None = None) -> list[int]:
    """So many of them; the one wished for comes first, while it is free.

    Raises:
        ConfigurationError: too few of those tried are free.
    """
    in_turn = (_PORTS[turn % len(_PORTS)] for turn in islice(_turns, 20 * number))
    wishes = [wished] if wished else []
    others = (port for port in in_turn if port not in wishes)
    found = list(islice(filter(is_free, chain(wishes, others)), number))
    if len(found) < number:
        raise ConfigurationError(f"no {number} free ports between {_PORTS[0]} and {_PORTS[-1]}")
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
