"""A connection's events are received in their order, by one reader, who may be cancelled and come again."""

import asyncio

import pytest
from uvicorn.protocols.websockets import websockets_sansio_impl

from hub.sessions.inbox import Inbox


async def test_events_are_received_in_their_order_whoever_comes_first() -> None:
    inbox: Inbox[int] = Inbox()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    assert inbox.empty()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(3)
    inbox.put_nowait(4)
    assert await waiting == 3
    assert not inbox.empty()
    assert await inbox.get() == 4


async def test_a_reader_that_was_cancelled_takes_nothing_with_it() -> None:
    inbox: Inbox[int] = Inbox()
    for is_late in (False, True):
        waiting = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        if is_late:
            inbox.put_nowait(5)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert await inbox.get() == 5


async def test_a_second_reader_is_refused() -> None:
    inbox: Inbox[int] = Inbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await inbox.get()
    inbox.put_nowait(6)
    assert await waiting == 6


def test_it_is_all_that_uvicorn_asks_of_its_queue() -> None:
    with open(websockets_sansio_impl.__file__, encoding="utf-8") as file:
        asked = {word.partition("(")[0] for word in file.read().split("self.queue.")[1:]}
    assert asked == {"put_nowait", "get", "empty"}
