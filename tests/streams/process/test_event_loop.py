"""Goodbyes over TLS."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from streams.process.event_loop import Loop


@pytest.fixture
def silent() -> Iterator[tuple[int, ssl.SSLContext]]:
    """A TLS server that never says goodbye: its port, and who trusts it."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with theirs.wrap_socket(connection, server_side=True):
                over.wait()

        server = threading.Thread(target=serve)
        server.start()
        yield listener.getsockname()[1], ours
        over.set()
        server.join()


@pytest.mark.timeout(60)
def test_a_server_that_never_says_goodbye_is_left(silent: tuple[int, ssl.SSLContext]) -> None:
    port, trusting = silent

    async def visit() -> None:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname="localhost"
        )
        async with asyncio.timeout(20):
            writer.close()
            with pytest.raises(TimeoutError, match="SSL shutdown timed out"):
                await writer.wait_closed()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(visit())
