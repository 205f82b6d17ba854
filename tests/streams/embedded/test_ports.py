import socket

import pytest

from models.errors import ConfigurationError
from streams.embedded import ports


def test_free_ports_can_be_listened_on_and_differ() -> None:
    found = ports.free_ports(3)
    assert len(set(found)) == 3
    listeners = [socket.create_server(("127.0.0.1", port)) for port in found]
    for listener, port in zip(listeners, found, strict=True):
        assert not ports.is_free(port)
        listener.close()
        assert ports.is_free(port)


def test_a_port_wished_for_comes_first_while_it_is_free(free_port: int) -> None:
    assert ports.free_ports(3, free_port)[0] == free_port
    with socket.create_server(("127.0.0.1", free_port)):
        others = ports.free_ports(3, free_port)
    assert len(others) == 3
    assert free_port not in others


def test_no_port_is_given_again_soon() -> None:
    given = [port for _ in range(500) for port in ports.free_ports(2)]
    assert len(set(given)) == len(given)


def test_no_port_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(ConfigurationError, match="no 2 free ports between 20000 and 29999"):
        ports.free_ports(2)
