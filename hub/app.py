"""build(settings): the only wiring. What a process of the hub is made of stands on this one page."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from hub.access.accounts import Accounts
from hub.access.audit import Audit
from hub.access.auth import Auth
from hub.admin.accounts import Administration
from hub.admin.publishing import Publishing
from hub.clock import Clock, now_ms
from hub.cluster.announcements import Announcements
from hub.cluster.bus import BLOCK_MS, Bus, Started
from hub.cluster.claims import Claims
from hub.cluster.family_clock import FamilyClock
from hub.cluster.order_cache import OrderCache
from hub.cluster.peers import Peers
from hub.cluster.redis import TIMEOUT_S, connect, identity
from hub.config import Settings
from hub.errors import Unavailable
from hub.orders.claiming import Claiming
from hub.orders.dispatch import Dispatch
from hub.orders.family import Family
from hub.orders.fanout import FanOut
from hub.orders.greeting import Greeting
from hub.orders.ledger import Ledger
from hub.orders.listening import Listener
from hub.orders.live import LiveOrders
from hub.orders.loading import Loading
from hub.orders.polling import Polling
from hub.orders.rebuilding import Rebuilding
from hub.orders.reports import Reports
from hub.orders.sweeping import Sweeping
from hub.runtime import memory, metrics
from hub.runtime.background import Background
from hub.runtime.descriptors import most_unknown, raise_descriptor_limit
from hub.runtime.readiness import Readiness
from hub.runtime.supervisor import Supervisor
from hub.sessions.account_changes import AccountChanges
from hub.sessions.arrivals import Arrivals
from hub.sessions.door import DOORS, Doors
from hub.sessions.expiry import Expiry
from hub.sessions.intake import Turns
from hub.sessions.presence import Survey
from hub.sessions.recheck import Recheck
from hub.sessions.registry import Registry
from hub.sessions.restart_hint import RestartHint
from hub.sessions.resync import Resync
from hub.sessions.wire import RESTART_HINT, TURNS
from hub.store import Store
from hub.upkeep import PARTS, Upkeep
from hub.web import envelope, urls
from hub.web.admin import AdminRoutes
from hub.web.auth import AuthRoutes
from hub.web.counting import Counting
from hub.web.envelope import ERRORS
from hub.web.exposition import Exposition, served
from hub.web.guard import Guard
from hub.web.health import HealthRoutes
from hub.web.openapi import document
from hub.web.orders import OrderRoutes, PollingRoutes
from hub.web.socket import Socket
from hub.web.times import Times

log = structlog.get_logger(__name__)


class Hub:
    """One hub process: its parts, how they start and how they end. `gave_up`: the service that could not stay up."""

    def __init__(self, settings: Settings, machine: Clock = now_ms) -> None:
        """`machine` reads this machine's time of day."""
        self.settings = settings
        self._machine = machine
        self.gave_up: str | None = None
        self.background = Background()
        self.supervisor = Supervisor(self._give_up)
        token = settings.metrics_token
        self.exposition = Exposition(token.get_secret_value() if token else None)
        self.readiness = Readiness(PARTS, lambda: self.supervisor.down)
        self._reach_stores(settings)
        self._seat_sessions(settings)
        self._tell_the_story(settings)
        self.upkeep = Upkeep(
            clock=self.clock,
            installation=self.store.installation,
            assignments=self.store.assignments,
            orders=self.store.orders,
            readiness=self.readiness,
            bus=self.bus,
            peers=self.peers,
            hint=self.hint,
            announcements=self.announcements,
            family=self.family,
            claiming=self.claiming,
            rebuilding=self.rebuilding,
            loading=self.loading,
            greeting=self.greeting,
            sweeping=self.sweeping,
            ledger=self.ledger,
            live=self.live,
            registry=self.registry,
            expiry=self.expiry,
            resync=self.resync,
            changes=self.changes,
        )

    def _reach_stores(self, settings: Settings) -> None:
        self.store = Store(settings.database_url)
        self.redis = connect(settings.redis_url)
        # The stream's reader blocks for a while by design: its time-out must be longer than that.
        self.reader = (
            self.redis if settings.is_redis_embedded else connect(settings.redis_url, TIMEOUT_S + BLOCK_MS / 1_000)
        )
        self.peers = Peers(self.redis)
        self.clock = FamilyClock(self.redis, self._machine)
        clock = self.clock.now
        self.accounts = Accounts(self.store)
        self.audit = Audit()
        self.auth = Auth(
            clock=clock,
            store=self.store,
            redis=self.redis,
            accounts=self.accounts,
            secrets=settings.signing_secrets(),
            admin_token=settings.bootstrap_token(),
            session_ms=round(settings.session_hours * 3_600_000),
            audit=self.audit,
        )

    def _seat_sessions(self, settings: Settings) -> None:
        clock = self.clock.now
        self.hint = RestartHint()
        self.registry = Registry()
        self.recheck = Recheck(self.registry, self.accounts, clock)
        self.resync = Resync(lambda: self.recheck.everyone(), lambda: self.arrivals.announce_everyone())
        self.bus = Bus(self.redis, self.reader, self.peers.name, self.resync.request)
        self.announcements = Announcements(clock)
        self.changes = AccountChanges(
            clock=clock,
            store=self.store,
            bus=self.bus,
            announcements=self.announcements,
            recheck=self.recheck,
            resync=self.resync,
            background=self.background,
        )
        self.arrivals = Arrivals(
            registry=self.registry,
            bus=self.bus,
            changes=self.changes,
            resync=self.resync,
            process=self.peers.name,
        )
        self.expiry = Expiry(clock=clock, store=self.store, registry=self.registry, heartbeat_s=settings.heartbeat_s)
        self.survey = Survey(redis=self.redis, bus=self.bus, registry=self.registry, peers=self.peers)

    def _tell_the_story(self, settings: Settings) -> None:
        clock = self.clock.now
        self.live = LiveOrders()
        self.claims = Claims(self.redis)
        self.ledger = Ledger(self.store, clock)
        self.family = Family(
            store=self.store,
            identity=partial(identity, self.redis),
            present=self.peers.alive_lately,
            process=self.peers.name,
            unwritten=lambda: self.ledger.depth,
        )
        self.claiming = Claiming(
            clock=clock,
            store=self.store,
            claims=self.claims,
            ledger=self.ledger,
            family=self.family,
            check_clock=self.clock.check,
        )
        self.rebuilding = Rebuilding(
            clock=clock,
            store=self.store,
            claims=self.claims,
            family=self.family,
            ledger=self.ledger,
            strict=settings.effective_claims == "strict",
        )
        self.fan_out = FanOut(
            clock=clock,
            store=self.store,
            claiming=self.claiming,
            registry=self.registry,
            ledger=self.ledger,
            mode=settings.effective_claims,
        )
        self.reports = Reports(
            clock=clock,
            store=self.store,
            claims=self.claims,
            live=self.live,
            ledger=self.ledger,
            background=self.background,
        )
        self.greeting = Greeting(
            clock=clock,
            store=self.store,
            live=self.live,
            registry=self.registry,
            arrivals=self.arrivals,
            background=self.background,
            heartbeat_s=settings.heartbeat_s,
        )
        self.dispatch = Dispatch(
            clock=clock,
            store=self.store,
            fan_out=self.fan_out,
            bus=self.bus,
            cache=OrderCache(self.redis),
            registry=self.registry,
            live=self.live,
            ledger=self.ledger,
            greeting=self.greeting,
            reports=self.reports,
            announcements=self.announcements,
            background=self.background,
        )
        self.loading = Loading(
            clock=clock,
            store=self.store,
            live=self.live,
            track=self.dispatch.track,
            cancel=self.dispatch.on_cancelled,
        )
        self.sweeping = Sweeping(
            clock=clock,
            store=self.store,
            live=self.live,
            ledger=self.ledger,
            grace_ms=round(settings.result_grace_s * 1_000),
        )
        self.listener = Listener(
            dispatch=self.dispatch,
            changes=self.changes,
            arrivals=self.arrivals,
            survey=self.survey,
            peers=self.peers,
            hint=self.hint,
            background=self.background,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts services and duties; at the end writes what is behind, and ends them."""
        await self._start()
        try:
            yield
        finally:
            await self._stop()

    async def _start(self) -> None:
        metrics.start()
        try:
            await self.bus.start()
        except Unavailable as error:
            log.warning("starting without Redis", error=str(error))
        # What must be known before anybody is served, clock and family before the claims: each within its time-out.
        clock, beat, *others = self.upkeep.first
        await self.supervisor.once(clock)
        await self.supervisor.once(beat)
        await asyncio.gather(*[self.supervisor.once(duty) for duty in others])
        self.supervisor.serve("stream reader", partial(self.bus.read_forever, self.listener.hear))
        self.supervisor.serve("ledger", self.ledger.write_forever)
        self.supervisor.serve("arrivals", partial(self.arrivals.serve, self.dispatch.catch_up))
        self.supervisor.serve("event loop lag", metrics.measure_lag_forever)
        for duty in (*self.upkeep.first, *self.upkeep.later):
            self.supervisor.repeat(duty)
        self.hint.start_s = time.process_time()
        await self._say_started()
        log.info("hub process ready", process=self.peers.name, claims=self.settings.effective_claims)

    async def _say_started(self) -> None:
        try:
            await self.bus.announce(Started(self.peers.name))
        except Unavailable as error:
            log.warning("the others learn of this process later", error=str(error))

    async def _stop(self) -> None:
        await self.supervisor.stop()
        await self.background.stop()
        try:
            await self.ledger.flush()
        except Exception as error:  # noqa: BLE001 - whatever keeps the rows out, the rest has to be ended too
            log.error("rows left behind: agents report them again", rows=self.ledger.depth, error=str(error))
        self.auth.close()
        for leave in (self.peers.leave, self.family.leave):
            with contextlib.suppress(Unavailable):  # then it is not heard of, which says the same a moment later
                await leave()
        await self.redis.aclose()
        await self.reader.aclose()
        await self.store.close()
        metrics.end()

    def _give_up(self, service: str) -> None:
        """Ends the process as a signal would: agents are told to come back, and something starts it anew."""
        self.gave_up = service
        os.kill(os.getpid(), signal.SIGTERM)


def routes(hub: Hub) -> list[BaseRoute]:
    """The socket, the URL table, and what is said about the hub itself."""
    times, guard, clock = Times(hub.settings.zone), Guard(hub.auth, hub.audit), hub.clock.now
    polling = Polling(
        clock=clock,
        store=hub.store,
        claiming=hub.claiming,
        live=hub.live,
        ledger=hub.ledger,
        reports=hub.reports,
    )
    administration = Administration(clock=clock, store=hub.store, auth=hub.auth, changes=hub.changes, audit=hub.audit)
    publishing = Publishing(store=hub.store, dispatch=hub.dispatch, audit=hub.audit, survey=hub.survey, clock=clock)
    health = HealthRoutes(hub.readiness)
    endpoints = urls.table(
        guard,
        AuthRoutes(auth=hub.auth, changes=hub.changes, greeting=hub.greeting, times=times),
        OrderRoutes(clock=clock, store=hub.store, publishing=publishing, times=times),
        PollingRoutes(polling=polling, times=times),
        AdminRoutes(store=hub.store, administration=administration, survey=hub.survey, times=times, clock=clock),
        health,
    )
    socket = Socket(clock=clock, auth=hub.auth, dispatch=hub.dispatch, hello_timeout_s=hub.settings.hello_timeout_s)
    openapi = envelope.document(document(endpoints))

    async def describe(_request: Request) -> Response:
        return openapi

    return [
        WebSocketRoute("/ws", socket),
        *urls.routes(endpoints),
        *([hub.exposition.route] if hub.settings.metrics_port is None else []),
        Route("/openapi.json", describe, methods=["GET"]),
    ]


@contextlib.asynccontextmanager
async def metrics_served(hub: Hub) -> AsyncIterator[None]:
    """/metrics at a port of its own, where the settings give one."""
    if hub.settings.metrics_port is None:
        yield
        return
    async with served(hub.exposition, hub.settings.host, hub.settings.metrics_port):
        yield


def build(settings: Settings) -> Starlette:
    """The hub as an ASGI application; `app.state.hub` is there for tests and benchmarks to look at."""
    hub = Hub(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        with metrics.measured_gc():
            async with hub.running(), metrics_served(hub):
                doors = Doors(most_unknown(raise_descriptor_limit()), proxies=settings.proxies)
                yield {RESTART_HINT: hub.hint, TURNS: Turns(), DOORS: doors}

    handlers: dict[Any, Any] = ERRORS
    table = routes(hub)
    paths = {route.endpoint: route.path for route in table if isinstance(route, Route)}
    counting = Middleware(Counting, paths=paths)
    app = Starlette(routes=table, exception_handlers=handlers, lifespan=lifespan, middleware=[counting])
    app.router.redirect_slashes = False
    app.state.hub = hub
    return app


def from_environment() -> Starlette:
    """For uvicorn's worker processes, which are given a name to import and not an object."""
    from hub.runtime.logs import configure

    settings = Settings()
    configure(settings.log_format)
    memory.tune()
    return build(settings)
