"""A running stand-in for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from .server import Exchange


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange() as exchange:
        yield exchange
