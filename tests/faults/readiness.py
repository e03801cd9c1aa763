"""What /readyz of each hub says, looked at ten times a second from outside."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aiohttp

from tests.services.waiting import eventually

from .site import Site

EVERY_S: Final = 0.1


@dataclass(frozen=True)
class Look:
    """One answer: `is_ready` is False also where none came."""

    at: float
    is_ready: bool


class Readiness:
    """All looks at each hub of a site."""

    def __init__(self, site: Site) -> None:
        self._urls = [f"{hub.url}/readyz" for hub in site.hubs]
        self._http = site.http
        self._looks: list[list[Look]] = [[] for _ in self._urls]
        self._begun = self._mended = time.monotonic()

    def begins(self) -> None:
        self._begun = time.monotonic()

    def mends(self) -> None:
        self._mended = time.monotonic()

    async def watch(self) -> None:
        await asyncio.gather(*(self._watch_one(url, looks) for url, looks in zip(self._urls, self._looks, strict=True)))

    async def says_no(self, hubs: list[int], timeout_s: float) -> None:
        """Returns when all of these have, since it began, or after `timeout_s`: the judge sees which."""
        with suppress(AssertionError):
            await eventually(lambda: self.unready_s(hubs) is not None, "not ready", timeout_s)

    async def says_yes(self, timeout_s: float) -> None:
        """Returns when the last word of all is yes, said since it mended. Raises WaitedTooLong."""

        def is_so() -> bool:
            return all(looks and looks[-1].is_ready and looks[-1].at > self._mended for looks in self._looks)

        await eventually(is_so, "all hubs are ready again", timeout_s)

    def unready_s(self, hubs: list[int]) -> float | None:
        """How long after it began the last of these hubs said no; None if one never did."""
        first = [self._first_no(looks) for looks in (self._looks[hub] for hub in hubs)]
        known = [at for at in first if at is not None]
        return max(known) - self._begun if len(known) == len(first) else None

    def _first_no(self, looks: list[Look]) -> float | None:
        return next((look.at for look in looks if not look.is_ready and look.at > self._begun), None)

    async def _watch_one(self, url: str, looks: list[Look]) -> None:
        while True:
            asked = time.monotonic()
            looks.append(Look(time.monotonic(), await self._is_ready(url)))
            await asyncio.sleep(max(0.0, asked + EVERY_S - time.monotonic()))

    async def _is_ready(self, url: str) -> bool:
        try:
            async with self._http.get(url, timeout=aiohttp.ClientTimeout(20)) as answer:
                return answer.status == 200
        except (TimeoutError, aiohttp.ClientError):
            return False


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[Readiness]:
    readiness = Readiness(site)
    watching = asyncio.create_task(readiness.watch())
    try:
        yield readiness
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
