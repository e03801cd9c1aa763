"""A private Redis that keeps nothing: after a `restart` it is empty, as the worst Redis in production would be."""

from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.retry import Retry

from .process import Server, program


class RedisServer(Server):
    """redis-server on a free port. `options` are more of its command line, as `--user`, `bob on …`."""

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__("redis-server", directory)
        self.options = options

    def command(self) -> list[str]:
        return [
            program("redis-server"),
            *("--port", str(self.port)),
            *("--bind", "127.0.0.1"),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--dir", str(self.directory)),
            *self.options,
        ]

    def is_ready(self) -> bool:
        try:
            with self.client() as client:
                return int(client.info("server")["process_id"]) == self.pid
        except RedisUnreachable:
            return False

    def client(self, timeout_s: float = 5) -> Redis:
        """A blocking client, for a test that looks from outside."""
        once = Retry(NoBackoff(), 0)  # a test wants to see the failure, not to wait it out
        return Redis(host="127.0.0.1", port=self.port, decode_responses=True, socket_timeout=timeout_s, retry=once)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
