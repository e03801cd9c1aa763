"""What an illness is: a context in which a store is ill for some of a site's hubs, and what the hubs owe meanwhile."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest

from .proxy import ILL, Mode, Proxy
from .site import Site, Way

Store = Literal["database", "Redis"]
Befalls = Callable[[Site, list[Way]], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Illness:
    """`befalls(site, ways)`: those ways are ill inside. `shows`: a hub cannot do its work while it is so, and must
    say so; else it is a moment's loss. `cuts_off`: a hub reaches neither store."""

    store: Store
    name: str
    befalls: Befalls
    shows: bool = True
    cuts_off: bool = False

    @property
    def title(self) -> str:
        return f"{self.store}: {self.name}"


def of_the_network(store: Store, mode: Mode) -> Illness:
    """Between the hubs and the store."""

    @asynccontextmanager
    async def befalls(_site: Site, ways: list[Way]) -> AsyncIterator[None]:
        proxies = [_to(store, way) for way in ways]
        for proxy in proxies:
            await proxy.become(mode)
        try:
            yield
        finally:
            for proxy in proxies:
                await proxy.become("passes")

    return Illness(store, mode, befalls)


def _to(store: Store, way: Way) -> Proxy:
    return way.to_database if store == "database" else way.to_redis


def rows(illnesses: list[Illness], in_short: set[str]) -> list[Any]:
    """Parameters of a test: `make test` runs those whose titles are `in_short`, one a mechanism; `make faults` all."""
    assert in_short <= {illness.title for illness in illnesses}, "each is a row"
    return [
        pytest.param(illness, id=illness.title, marks=[] if illness.title in in_short else [pytest.mark.faults])
        for illness in illnesses
    ]


NETWORK: Final = [of_the_network(store, mode) for store in ("database", "Redis") for mode in ILL]
