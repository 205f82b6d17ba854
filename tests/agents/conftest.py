"""Things that tests of agents open and that are closed after each test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Closed when the test ends."""
    async with AsyncExitStack() as things:
        yield things
