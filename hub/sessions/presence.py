"""Who is connected, over all hub processes: asked when somebody wants to know, never kept.

The invariant: every process that lives answers for its own sessions; one that does not answer in time is missing
from the list and named in the log.
"""

import secrets
from typing import Final

import msgspec
import structlog
from redis.asyncio import Redis

from hub.cluster.bus import Bus, SurveyAsked
from hub.cluster.peers import Peers
from hub.cluster.redis import guarded, survey_key
from hub.sessions.registry import Registry

SURVEY_TIMEOUT_S: Final = 1.0

log = structlog.get_logger(__name__)


class Agent(msgspec.Struct, frozen=True):
    """A connected agent. Times in epoch milliseconds; `latency_ms` from a frame's sending to its ack's arrival."""

    user_id: int
    username: str
    device_id: str
    version: str
    driver: str
    since_ms: int
    latency_ms: int | None
    address: str
    process: str


_answers: Final = msgspec.json.Decoder(list[Agent])


class Survey:
    """Asks all processes, and answers for this one."""

    def __init__(self, *, redis: Redis, bus: Bus, registry: Registry, peers: Peers) -> None:
        self._redis = redis
        self._bus = bus
        self._registry = registry
        self._peers = peers

    async def agents(self) -> list[Agent]:
        """Everyone who is connected anywhere, by user id. Raises Unavailable."""
        request = secrets.token_hex(8)
        expected = len(await self._peers.alive())
        await self._bus.announce(SurveyAsked(request))
        found: list[Agent] = []
        for _ in range(max(1, expected)):
            with guarded():
                answer = await self._redis.blpop([survey_key(request)], timeout=SURVEY_TIMEOUT_S)
            if answer is None:
                log.warning("a hub process did not answer the survey", expected=expected)
                break
            found += _answers.decode(answer[1])
        return sorted(found, key=lambda agent: agent.user_id)

    async def answer(self, request: str) -> None:
        """Says who is connected to this process. Raises Unavailable."""
        here = [
            Agent(
                session.user_id,
                session.username,
                session.device_id,
                session.version,
                session.driver,
                session.since_ms,
                session.latency_ms,
                session.address,
                self._peers.name,
            )
            for session in self._registry
        ]
        key = survey_key(request)
        with guarded():
            await self._redis.rpush(key, msgspec.json.encode(here))
            await self._redis.expire(key, 10)
