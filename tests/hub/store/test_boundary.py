"""What a database raises, told apart: ours, its refusal, out of reach, and not known at the moment of a write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.errors import InDoubt, Rejected, Unavailable
from hub.store import Store
from hub.store.database import Database
from hub.store.migrations import migrate
from tests.hub.model.test_delivery import draft
from tests.services.mariadb import MariaDB

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

AT = 1_750_000_000_000


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Something that listens where a database should; its port."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def says(answer: bytes) -> Serve:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return serve


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


ODD_SERVERS = {
    "accepts and closes": says(b""),
    "talks HTTP": says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "half a packet": says(b"\x4a\x00\x00\x00\x0a5.5.5"),
    "zeros": says(bytes(200)),
    "an error packet of no meaning": says(b"\x09\x00\x00\x00\xff\xff\xffmeans"),
    "never answers": says_nothing,
}


@pytest.mark.parametrize("serve", ODD_SERVERS.values(), ids=ODD_SERVERS.keys())
async def test_whatever_answers_in_a_databases_place_it_is_out_of_reach(serve: Serve) -> None:
    async with listening(serve) as port:
        database = Database(f"mysql+asyncmy://hub:hidden@127.0.0.1:{port}/hub")
        for connection in (database.reading, database.writing, database.transaction):
            with pytest.raises(Unavailable) as raised:
                async with connection(1.0) as opened:
                    await opened.execute(text("SELECT 1"))
            assert not isinstance(raised.value, InDoubt)  # it was not even reached
            assert "hidden" not in str(raised.value)
        await database.close()


async def test_what_is_wrong_with_a_statement_is_ours(store: Store) -> None:
    for statement in ("SELECT no_such_column FROM users", "SELEKT 1", "SELECT 1 FROM no_such_table"):
        for connection in (store.database.reading, store.database.transaction):
            with pytest.raises(DBAPIError):
                async with connection() as opened:
                    await opened.execute(text(statement))
    assert await store.users.page(0, 1) == (0, [])


async def test_a_mistake_between_two_calls_is_ours_too(store: Store) -> None:
    async def mistaken() -> None:
        async with store.database.transaction() as connection:
            await connection.execute(text("INSERT INTO hub_state (name, value) VALUES ('half', 'told')"))
            raise TypeError

    with pytest.raises(TypeError):
        await mistaken()
    async with store.database.reading() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM hub_state WHERE name = 'half'")) == 0


async def test_a_row_that_the_table_does_not_take_is_rejected_and_the_next_is_taken(store: Store) -> None:
    first = text("INSERT INTO hub_state (name, value) VALUES ('hub_id', 'again')")
    with pytest.raises(Rejected):
        async with store.database.writing() as connection:
            await connection.execute(first)
    assert len(await store.installation.hub_id()) == 36


@asynccontextmanager
async def between(server: MariaDB, cut: Callable[[bytes], bool]) -> AsyncIterator[int]:
    """A proxy that passes all on, until the client says what `cut` knows: the server gets that, its answer is lost."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_server = (await asyncio.open_connection("127.0.0.1", server.port))[::-1]
        lost = asyncio.Event()

        async def back() -> None:
            while (data := await from_server.read(65_536)) and not lost.is_set():
                writer.write(data)
                await writer.drain()

        answering = asyncio.create_task(back())
        while data := await reader.read(65_536):
            if cut(data):
                lost.set()
            to_server.write(data)
            await to_server.drain()
            if lost.is_set():
                await answering  # until the server has answered
                break
        answering.cancel()
        to_server.close()

    async with listening(serve) as port:
        yield port


async def test_an_answer_that_is_lost_at_a_write_leaves_it_in_doubt_and_the_key_settles_it(mariadb: MariaDB) -> None:
    name = mariadb.create_database()
    await asyncio.to_thread(migrate, mariadb.url(name))
    cuts = iter([True])

    def cut(data: bytes) -> bool:
        return b"INSERT INTO orders" in data and next(cuts, False)

    async with between(mariadb, cut) as port:
        store = Store(mariadb.url(name).replace(f":{mariadb.port}/", f":{port}/"))
        with pytest.raises(InDoubt):
            await store.orders.publish(draft(idempotency_key="key"), AT)
        row, is_new = await store.orders.publish(draft(idempotency_key="key"), AT + 50)
        assert (is_new, row.order.created_ms) == (False, AT)
        await store.close()


async def test_a_server_that_says_no_leaves_no_doubt(mariadb: MariaDB) -> None:
    name = mariadb.create_database()
    await asyncio.to_thread(migrate, mariadb.url(name))
    mariadb.execute(f"CREATE USER 'reads'@'127.0.0.1'; GRANT SELECT ON {name}.* TO 'reads'@'127.0.0.1'")
    store = Store(mariadb.url(name).replace("root@", "reads@"))
    with pytest.raises(Unavailable) as raised:
        await store.orders.publish(draft(), AT)
    assert not isinstance(raised.value, InDoubt)
    await store.close()
