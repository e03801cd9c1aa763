"""build(settings): the only wiring; the URL table. What a process of the hub is made of stands on this one page."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from hub.access.accounts import Accounts
from hub.access.auth import Auth
from hub.admin.accounts import Administration
from hub.cluster.bus import (
    BLOCK_MS,
    Bus,
    Event,
    EventId,
    Joined,
    OrderCancelled,
    OrderPublished,
    RollCall,
    Started,
    UserChanged,
)
from hub.cluster.claims import Claims
from hub.cluster.order_cache import OrderCache
from hub.cluster.peers import Peers
from hub.cluster.redis import PATIENCE_S, connect
from hub.config import Settings
from hub.errors import Unavailable
from hub.orders.dispatch import Dispatch
from hub.orders.fanout import FanOut
from hub.orders.ledger import Ledger
from hub.orders.live import LiveOrders
from hub.orders.polling import Polling
from hub.orders.restoring import Restoring
from hub.runtime import memory, metrics
from hub.runtime.background import Background
from hub.sessions.account_changes import Notices
from hub.sessions.presence import RollCall as RollCaller
from hub.sessions.recheck import Recheck
from hub.sessions.registry import Registry
from hub.sessions.restart_hint import Comeback
from hub.sessions.wire import COMEBACK
from hub.store import Store
from hub.upkeep import Caretaker
from hub.web.admin import AdminRoutes
from hub.web.auth import AuthRoutes
from hub.web.envelope import ERRORS
from hub.web.guard import Guard
from hub.web.health import HealthRoutes
from hub.web.orders import OrderRoutes, PollingRoutes
from hub.web.socket import Socket
from hub.web.times import Times

log = structlog.get_logger(__name__)


class Hub:
    """One hub process: its parts, how they start and how they end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.database_url)
        self.redis = connect(settings.redis_url)
        # The stream's reader blocks for a while by design: its patience must be longer than that.
        self.reader = (
            self.redis if settings.is_redis_embedded else connect(settings.redis_url, PATIENCE_S + BLOCK_MS / 1_000)
        )
        self.peers = Peers(self.redis)
        self.comeback = Comeback()
        self.background = Background()
        self.registry = Registry()
        self.live = LiveOrders()
        self.accounts = Accounts(self.store)
        self.claims = Claims(self.redis)
        self.bus = Bus(self.redis, self.reader)
        self.ledger = Ledger(self.store)
        self.recheck = Recheck(self.registry, self.accounts)
        self.restoring = Restoring(store=self.store, claims=self.claims, ledger=self.ledger)
        self.fan_out = FanOut(
            store=self.store,
            claims=self.claims,
            registry=self.registry,
            ledger=self.ledger,
            restoring=self.restoring,
            mode=settings.claims,
        )
        self.dispatch = Dispatch(
            store=self.store,
            claims=self.claims,
            fan_out=self.fan_out,
            bus=self.bus,
            cache=OrderCache(self.redis),
            registry=self.registry,
            live=self.live,
            ledger=self.ledger,
            recheck=self.recheck,
            background=self.background,
            process=self.peers.name,
            heartbeat_s=settings.heartbeat_s,
        )
        self.caretaker = Caretaker(
            store=self.store,
            redis=self.redis,
            claims=self.claims,
            bus=self.bus,
            registry=self.registry,
            live=self.live,
            ledger=self.ledger,
            recheck=self.recheck,
            restoring=self.restoring,
            dispatch=self.dispatch,
            peers=self.peers,
            comeback=self.comeback,
            heartbeat_s=settings.heartbeat_s,
        )
        self.auth = Auth(
            store=self.store,
            redis=self.redis,
            accounts=self.accounts,
            secret=settings.signing_secret(),
            admin_token=settings.bootstrap_token(),
            session_ms=round(settings.session_hours * 3_600_000),
        )
        self.notices = Notices(self.bus, self.recheck)
        self.roll_call = RollCaller(redis=self.redis, bus=self.bus, registry=self.registry, peers=self.peers)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts the services; at the end writes what is behind, and ends them."""
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
        await self.caretaker.learn()
        self.background.serve(self.bus.read_forever(self.hear), "stream")
        self.background.serve(self.ledger.write_forever(), "ledger")
        self.background.serve(self.dispatch.catch_up_forever(), "catch-up")
        self.background.serve(self.caretaker.run_forever(), "caretaker")
        self.background.serve(metrics.measure_lag_forever(), "lag")
        self.comeback.start_s = time.process_time()
        await self._say_started()
        log.info("hub process ready", process=self.peers.name, claims=self.settings.claims)

    async def _say_started(self) -> None:
        try:
            await self.bus.announce(Started(self.peers.name))
        except Unavailable as error:
            log.warning("the others learn of this process later", error=str(error))

    async def _stop(self) -> None:
        await self.background.stop()
        try:
            await self.ledger.flush()
        except Unavailable as error:
            log.error("rows left behind: agents report them again", rows=self.ledger.depth, error=str(error))
        self.auth.close()
        with contextlib.suppress(Unavailable):  # then it is not heard of, which says the same a moment later
            await self.peers.leave()
        await self.redis.aclose()
        await self.reader.aclose()
        await self.store.close()
        metrics.end()

    async def hear(self, event: Event, event_id: EventId) -> None:
        """What the stream said. The database being away is no reason to stop listening."""
        try:
            match event:
                case OrderPublished(order_id=order_id):
                    await self.dispatch.heard_of(order_id)
                case OrderCancelled(order_id=order_id, reason=reason):
                    self.dispatch.heard_cancel(order_id, reason)
                case UserChanged(user_id=user_id):
                    await self.recheck.user(user_id)
                case Joined():
                    self.dispatch.heard_joined(event, event_id)
                case Started(process=process):
                    # If we end a moment later, our agents have somewhere to go; the caretaker would know in a second.
                    self.comeback.is_covered |= self.peers.is_other(process)
                case RollCall(request=request):
                    self.background.spawn(self.roll_call.answer(request), "roll call")
        except Unavailable as error:
            self.bus.is_in_doubt = True
            log.warning("an event waits for the database", kind=type(event).__name__, error=str(error))


def routes(hub: Hub) -> list[BaseRoute]:
    """The URL table."""
    times, guard = Times(hub.settings.zone), Guard(hub.auth)
    polling = Polling(
        store=hub.store,
        claims=hub.claims,
        live=hub.live,
        ledger=hub.ledger,
        restoring=hub.restoring,
        dispatch=hub.dispatch,
    )
    administration = Administration(store=hub.store, auth=hub.auth, notices=hub.notices)
    auth = AuthRoutes(auth=hub.auth, guard=guard, notices=hub.notices, times=times)
    orders = OrderRoutes(store=hub.store, dispatch=hub.dispatch, guard=guard, times=times)
    polls = PollingRoutes(polling=polling, guard=guard, times=times)
    admin = AdminRoutes(
        store=hub.store, administration=administration, roll_call=hub.roll_call, guard=guard, times=times
    )
    health = HealthRoutes(store=hub.store, redis=hub.redis, caretaker=hub.caretaker)
    socket = Socket(auth=hub.auth, dispatch=hub.dispatch, hello_timeout_s=hub.settings.hello_timeout_s)
    return [
        WebSocketRoute("/ws", socket),
        Route("/api/auth/login", auth.login, methods=["POST"]),
        Route("/api/auth/verify", auth.verify, methods=["GET"]),
        Route("/api/auth/logout", auth.logout, methods=["POST"]),
        Route("/api/auth/heartbeat", auth.heartbeat, methods=["POST"]),
        Route("/api/orders", orders.page, methods=["GET"]),
        Route("/api/orders/create", orders.create, methods=["POST"]),
        Route("/api/orders/pull", polls.pull, methods=["GET"]),
        Route("/api/orders/mark-assigned", polls.mark_assigned, methods=["POST"]),
        Route("/api/orders/record-result", polls.record_result, methods=["POST"]),
        Route("/api/orders/{id}", orders.show, methods=["GET"]),
        Route("/api/orders/{id}/cancel", orders.cancel, methods=["POST"]),
        Route("/api/admin/users/create", admin.create_user, methods=["POST"]),
        Route("/api/admin/users/{id}/expire", admin.set_expiry, methods=["PUT"]),
        Route("/api/admin/users/{id}/status", admin.set_status, methods=["PUT"]),
        Route("/api/admin/users/{id}/password", admin.set_password, methods=["PUT"]),
        Route("/api/admin/users/{id}/kick", admin.kick, methods=["POST"]),
        Route("/api/admin/users", admin.users, methods=["GET"]),
        Route("/api/admin/agents", admin.agents, methods=["GET"]),
        Route("/healthz", health.healthz, methods=["GET"]),
        Route("/readyz", health.readyz, methods=["GET"]),
        Route("/metrics", health.metrics, methods=["GET"]),
    ]


def build(settings: Settings) -> Starlette:
    """The hub as an ASGI application; `app.state.hub` is there for tests and benchmarks to look at."""
    hub = Hub(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        with metrics.measured_gc():
            async with hub.running():
                yield {COMEBACK: hub.comeback}

    handlers: dict[Any, Any] = ERRORS
    app = Starlette(routes=routes(hub), exception_handlers=handlers, lifespan=lifespan)
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
