"""The only wiring: settings and credentials in, an `Agent` out.

The invariant: nothing else makes adapters, so what a test builds is what a trader runs.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.agent import Account, Agent
from agent.config import Settings
from agent.drivers.base import Drivers
from agent.drivers.binance.api import WebApi
from agent.drivers.binance.driver import BinanceWeb
from agent.drivers.binance.facts import Facts, facts_of
from agent.drivers.binance.history import KeptHistory
from agent.drivers.binance.network import proxy_in
from agent.drivers.binance.prices import IndexPrices
from agent.drivers.binance.session import SessionKeeper
from agent.drivers.paper import PaperExchange, Simulation
from agent.language import _
from agent.link.api import Credentials, HubApi
from agent.link.hub_time import HubClock
from agent.link.reconnecting import Link
from agent.model import consent
from agent.model.account import Owner, is_loopback
from agent.model.engine import Mode
from agent.model.events import Events
from agent.model.reasons import Reason
from agent.trading.accounts import Accounts, first_kept
from agent.trading.controls import Controls, ControlsBroken
from agent.trading.executor import Executor
from agent.trading.gate import Decide, Gate, agree
from agent.trading.journal import Journal
from agent.trading.moves import Moves
from agent.trading.spent import Spent
from agent.trading.standing import Standing
from agent.trading.terms import ControlledTerms
from agent.vault import Kind, Vault, VaultUnavailable, open_vault
from agent.world import REAL, World

BUILT: Final = ("paper", "binance-web")
"""The drivers that this version has."""


def build(
    config: Settings,
    credentials: Credentials,
    decide: Decide = agree,
    world: World = REAL,
    vault: Vault | None = None,
) -> Agent:
    """Raises JournalBusy or JournalBroken; ValueError for facts that are wrong; OSError.

    `vault` is one that may ask a person; without it a keyring or a passphrase file has to do.
    """
    if sends_readable(config) and not config.insecure_http:
        raise ValueError(_("plain http to another machine can be read on the way: use https, or say --insecure-http"))
    facts = facts_of(config)
    owner = Owner(config.server_url, credentials.username)
    accounts = Accounts(config.data_dir)
    stream, clock = Events(), HubClock(world)
    link = Link(config.server_url, clock, stream, world)
    kept = _Kept(vault or open_vault(config.data_dir, config.vault_passphrase_file), accounts, owner)

    def terms_of(controls: Controls, spent: Spent, drivers: Drivers, market: IndexPrices) -> ControlledTerms:
        moves = Moves(market)
        payouts, exchange = config.payouts(), facts.urls.web
        mode, now_ms = (lambda: drivers.current.mode), (lambda: clock.now().ms)
        return ControlledTerms(controls, spent, mode, exchange, payouts, now_ms, moves.of, stream)

    def open_account() -> Account:
        folder = accounts.settle_in(owner)
        journal = Journal(folder, owner)
        device_id = accounts.device_of(journal)
        market = IndexPrices(facts, config.allowed_symbols, proxy_in(config), world)
        controls = Controls(folder, lambda: world.read().wall_ms, config.limits())
        live = _live(config, facts, market, stream, journal, controls, kept, world)
        paper = PaperExchange(folder, _simulation(config), world, market if config.paper_market == "live" else None)
        drivers = Drivers(paper, live) if config.driver == paper.name else Drivers(live, paper)
        spent = Spent(journal)
        terms = terms_of(controls, spent, drivers, market)
        gate = Gate(journal, clock, drivers, terms, world, decide)
        limit_s = config.submit_timeout_s
        executor = Executor(
            device_id,
            journal,
            drivers,
            gate,
            clock,
            stream,
            link.offer,
            world,
            limit_s,
            reports_settlement=config.report_settlement,
            resolutions=controls.resolutions,
        )
        standing = Standing(controls, drivers, lambda: _live_is_off(controls, facts.urls.web), stream)
        return Account(device_id, journal, drivers, executor, controls, standing, spent)

    return Agent(
        credentials=credentials,
        home=_Home(accounts, owner, open_account),
        tokens=kept,
        api=HubApi(config.server_url),
        link=link,
        stream=stream,
        session_s=config.session_s,
        patience_s=(config.stop_grace_s, config.submit_timeout_s),
        world=world,
    )


def sends_readable(config: Settings) -> bool:
    """Whether the password would leave this computer unencrypted."""
    return config.server_url.startswith("http://") and not is_loopback(config.server_url)


class _Home:
    """The agent's `Home`."""

    def __init__(self, accounts: Accounts, owner: Owner, open_account: Callable[[], Account]) -> None:
        self._accounts = accounts
        self._owner = owner
        self.open = open_account

    def learn(self, hub_id: str | None) -> bool:
        """The hub at the owner's address has told its id."""
        return self._accounts.learn(self._owner.server, hub_id)

    def others(self) -> list[Path]:
        """Further folders."""
        return self._accounts.others(self._owner)

    def device_of(self, journal: Journal) -> str:
        """Of any of them."""
        return self._accounts.device_of(journal)


class _Kept:
    """The account's secrets, one at a time, also those kept before the hub had told its id. The agent's `Tokens`."""

    def __init__(self, vault: Vault, accounts: Accounts, owner: Owner) -> None:
        self._vault = vault
        self._accounts = accounts
        self._owner = owner
        self._one_at_a_time = threading.Lock()

    def secret(self, kind: Kind) -> str | None:
        """Blocking. Raises VaultUnavailable."""
        with self._one_at_a_time:
            return first_kept(self._vault, self._accounts.keys(self._owner), kind)

    def get(self) -> str | None:
        """The hub's token; None also where no vault works."""
        try:
            return self.secret("hub_token")
        except VaultUnavailable:
            return None

    def keep(self, token: str) -> None:
        """Where no vault works the login lasts as long as the program."""
        with contextlib.suppress(VaultUnavailable), self._one_at_a_time:
            self._vault.put(self._accounts.keys(self._owner)[0], "hub_token", token)

    def drop(self) -> None:
        """Forget it, under every name that it may have been kept."""
        with contextlib.suppress(VaultUnavailable), self._one_at_a_time:
            for key in self._accounts.keys(self._owner):
                self._vault.drop(key, "hub_token")


def _live(
    config: Settings,
    facts: Facts,
    market: IndexPrices,
    stream: Events,
    journal: Journal,
    controls: Controls,
    kept: _Kept,
    world: World,
) -> BinanceWeb:
    proxy = proxy_in(config)
    api = WebApi(facts, proxy)
    sessions = SessionKeeper(api, facts, lambda: kept.secret("exchange_session"), stream, world)
    return BinanceWeb(
        facts,
        api,
        sessions,
        market,
        stream,
        may_trade=lambda: _live_is_off(controls, facts.urls.web),
        others=lambda wall_ms: journal.submitted_since(wall_ms, Mode.LIVE),
        read_history=KeptHistory(facts, lambda: kept.secret("history_key"), proxy, world),
        world=world,
    )


def _live_is_off(controls: Controls, exchange: str) -> Reason | None:
    """Why nothing may be placed live at this exchange: it was not consented to."""
    try:
        return consent.refusal(controls.consent(), exchange)
    except ControlsBroken as error:
        return Reason("limits.unreadable", {"why": str(error)})


def _simulation(config: Settings) -> Simulation:
    return Simulation(
        seed=config.paper_seed,
        speed=config.paper_speed,
        latency_s=config.paper_latency_s,
        refusal_rate=config.paper_refusal_rate,
        ambiguous_rate=config.paper_ambiguous_rate,
    )
