"""`python -m tests.bench.tokens --database-url … --redis-url … --count N`: users with live sessions, in bulk.

One token a line. No password is hashed a user (all share one hash of a random password), so ten thousand take
seconds. The secret that signs is HUB_JWT_SECRET, or the one kept in HUB_DATA_DIR, as the hub itself finds it.
"""

import argparse
import asyncio
import secrets
import sys

from argon2 import PasswordHasher
from sqlalchemy import insert, select

from hub.access.auth import session_value
from hub.clock import now_ms
from hub.cluster.redis import connect, session_key
from hub.config import EMBEDDED_REDIS, Settings
from hub.model.records import ACTIVE
from hub.model.tokens import Token, Tokens
from hub.store import Store
from hub.store.tables import users

SESSION_MS = 24 * 3_600_000
AT_ONCE = 1_000


async def make_tokens(settings: Settings, count: int, prefix: str) -> list[str]:
    """Creates the users `{prefix}{n}` and logs each in; the tokens, in order."""
    store, redis = Store(settings.database_url), connect(settings.redis_url)
    signer = Tokens(settings.signing_secret())
    password_hash = PasswordHasher().hash(secrets.token_urlsafe(16))
    tokens: list[str] = []
    try:
        for start in range(0, count, AT_ONCE):
            names = [f"{prefix}{n}" for n in range(start, min(start + AT_ONCE, count))]
            made = await _create(store, names, password_hash)
            async with redis.pipeline(transaction=False) as pipe:
                for token in made:
                    pipe.set(session_key(token.user_id), session_value(token, "127.0.0.1", now_ms()), px=SESSION_MS)
                await pipe.execute()
            tokens += [signer.sign(token) for token in made]
    finally:
        await redis.aclose()
        await store.close()
    return tokens


async def _create(store: Store, names: list[str], password_hash: str) -> list[Token]:
    """One multi-row insert; the sessions' token ids go in with the rows."""
    at_ms = now_ms()
    session_of = {name: secrets.token_urlsafe(16) for name in names}
    rows = [
        {
            "username": name,
            "password": password_hash,
            "status": ACTIVE,
            "role": "trader",
            "created_at": at_ms,
            "updated_at": at_ms,
            "session_id": session_of[name],
        }
        for name in names
    ]
    async with store.database.transaction() as connection:
        await connection.execute(insert(users), rows)
        found = await connection.execute(select(users.c.id, users.c.username).where(users.c.username.in_(names)))
        id_of = {row.username: row.id for row in found}
    return [Token(id_of[name], session_of[name], "", at_ms + SESSION_MS) for name in names]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tokens", description=__doc__)
    parser.add_argument("--database-url", required=True, help="mysql+asyncmy://… or sqlite+aiosqlite:///…, migrated")
    parser.add_argument("--redis-url", required=True, help="redis://…")
    parser.add_argument("--count", type=int, required=True, help="how many users")
    parser.add_argument("--prefix", default=f"load{secrets.token_hex(3)}-", help="what their names start with")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count: takes a whole number from 1 on")
    if arguments.redis_url == EMBEDDED_REDIS:
        parser.error("--redis-url: embedded:// lives inside the hub's process; take a redis:// URL")
    settings = Settings(database_url=arguments.database_url, redis_url=arguments.redis_url)
    for token in asyncio.run(make_tokens(settings, arguments.count, arguments.prefix)):
        sys.stdout.write(token + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
