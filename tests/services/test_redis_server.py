"""The private Redis forgets all at a restart and keeps its port."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import TimeoutError as RedisTimeout

from .process import ROOT, MissingProgram, ProcessDied, free_port, program
from .redis_server import RedisServer
from .waiting import WaitedTooLong, wait_until


def test_a_test_finds_it_empty(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
    assert redis_url == f"redis://127.0.0.1:{redis_server.port}/0"


def test_a_test_finds_it_empty_again(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_comes_back_empty_on_the_same_port(own_redis: Callable[[], RedisServer], end: str) -> None:
    server = own_redis()
    port = server.port
    with server.client() as client:
        client.set("word", "gone soon")
    getattr(server, end)()
    server.start()
    assert server.port == port != 6379
    with server.client() as client:
        assert client.get("word") is None


def test_paused_it_takes_connections_and_says_nothing(own_redis: Callable[[], RedisServer]) -> None:
    server = own_redis()
    with server.client(timeout_s=0.2) as client:
        client.ping()
        server.pause()
        with pytest.raises(RedisTimeout):
            client.ping()
    server.resume()
    with server.client() as client:
        assert client.ping()


def test_a_taken_port_costs_only_a_second_try(
    own_redis: Callable[[], RedisServer], running: Callable[..., RedisServer]
) -> None:
    first = own_redis()

    def clashing(directory: Path) -> RedisServer:
        server = RedisServer(directory)
        server.port = first.port
        return server

    second = running(clashing)
    assert second.port != first.port
    assert "in use" in second.log().lower()


def test_a_server_that_cannot_start_says_why(own_redis: Callable[[], RedisServer]) -> None:
    server = own_redis()
    server.stop()
    server.command = lambda: [program("redis-server"), "--no-such-setting", "1"]  # type: ignore[method-assign]
    with pytest.raises(ProcessDied, match="no-such-setting"):
        server.start()


def test_a_missing_program_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(MissingProgram, match=r"no-such-server is not installed: run `make system`"):
        program("no-such-server")


def test_a_wait_that_fails_says_what_it_waited_for() -> None:
    with pytest.raises(WaitedTooLong, match="pigs fly"):
        wait_until(lambda: False, "pigs fly", timeout_s=0.05)


def test_ports_are_outside_the_range_of_outgoing_connections() -> None:
    assert 15_000 <= free_port() < 32_000
    assert (ROOT / "pyproject.toml").exists()
