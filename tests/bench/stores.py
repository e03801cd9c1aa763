"""A private MariaDB and a private Redis under the hub that is measured, on the load's core.

Used by the hub's side of the bench. They inherit the core of whoever starts them, which is the bench itself. The
invariant: both are durable or not as in production, and gone when the context ends.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import asyncmy

from tests.services.mariadb import MariaDB, make_template
from tests.services.redis_server import RedisServer

_DONE: Final = "SELECT COUNT(*) FROM order_assignments WHERE order_id = %s AND acked_at IS NOT NULL"


class Stores:
    """MariaDB and Redis, as a context; `tokens` fills them with users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> "Stores":
        self.redis = RedisServer(self.folder / "redis")
        self.mariadb = MariaDB(self.folder / "mariadb", make_template(self.folder / "template"))
        self.redis.start()
        try:
            self.mariadb.start()
        except BaseException:
            self.redis.stop()
            raise
        self._loop = asyncio.new_event_loop()
        self._database = self.mariadb.create_database()
        self._line: Any = self._loop.run_until_complete(self._connect())
        return self

    def __exit__(self, *error: object) -> None:
        self._line.close()
        self._loop.close()
        self.mariadb.stop()
        self.redis.stop()

    async def _connect(self) -> Any:
        port = self.mariadb.port
        return await asyncmy.connect(host="127.0.0.1", port=port, user="root", db=self._database, autocommit=True)

    @property
    def database_url(self) -> str:
        return self.mariadb.url(self._database)

    @property
    def redis_url(self) -> str:
        return self.redis.url()

    def acked(self, order_id: int) -> int:
        """How many of an order's assignments have their ack in the database."""
        return self._loop.run_until_complete(self._count(order_id))

    async def _count(self, order_id: int) -> int:
        async with self._line.cursor() as cursor:
            await cursor.execute(_DONE, (order_id,))
            (count,) = await cursor.fetchone()
        return int(count)

    def make_tokens(self, count: int, env: dict[str, str]) -> Path:
        """A file with the tokens of `count` new users with live sessions, one a line."""
        command = [sys.executable, "-m", "tests.bench.tokens", "--database-url", self.database_url]
        command += ["--redis-url", self.redis_url, "--count", str(count)]
        answer = subprocess.run(command, env={**os.environ, **env}, capture_output=True, check=False, timeout=120)
        if answer.returncode:
            raise RuntimeError(f"no tokens: {answer.stderr.decode(errors='replace')[-2000:]}")
        path = self.folder / "tokens"
        path.write_bytes(answer.stdout)
        path.chmod(0o600)
        return path

    def versions(self) -> dict[str, str]:
        """What runs."""
        redis = self.redis.client().info("server")["redis_version"]
        return {"mariadb": self.mariadb.execute("SELECT VERSION()").strip(), "redis": str(redis)}
