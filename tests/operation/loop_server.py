"""uvicorn on the test's own event loop: for tests that look at the server's objects, or act between two of its steps.

`thread_hub` is for those that only talk to one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.services.waiting import eventually


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[None]:
    """Serves the ASGI application until the block ends; `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, **options))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, "uvicorn serves")
    try:
        yield
    finally:
        server.should_exit = True
        await task
