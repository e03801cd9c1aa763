"""The only wiring: settings and credentials in, an `Agent` out.

Shells import it. The invariant: nothing else makes adapters, so what a test builds is what a trader runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.agent import Agent
from agent.config import Settings
from agent.device import installation_id
from agent.drivers.base import Driver
from agent.drivers.paper import PaperExchange, Simulation
from agent.link.api import Credentials, HubApi
from agent.link.hub_time import HubClock
from agent.link.reconnecting import Link
from agent.model.account import Owner
from agent.model.events import Events
from agent.trading.executor import Executor, Terms
from agent.trading.gate import Decide, agree
from agent.trading.journal import Journal

BUILT: Final = ("paper",)
"""The drivers that this version has."""


def build(config: Settings, credentials: Credentials, decide: Decide = agree) -> Agent:
    """Raises JournalBusy or JournalBroken; ValueError for a driver that is not built; OSError."""
    owner = Owner(config.server_url, credentials.username)
    folder = owner.folder(config.data_dir)
    device_id = owner.device_id(installation_id(config.data_dir))
    stream, clock = Events(), HubClock()
    link = Link(config.server_url, clock, stream)
    driver = _driver(config)
    journal = Journal(folder, owner)
    exchange = driver(folder)
    terms = Terms(config.order_amount, config.payouts(), config.limits(), config.submit_timeout_s)
    executor = Executor(device_id, journal, exchange, clock, stream, link.offer, terms, decide)
    return Agent(
        credentials=credentials,
        device_id=device_id,
        journal=journal,
        driver=exchange,
        api=HubApi(config.server_url),
        link=link,
        executor=executor,
        stream=stream,
        clock=clock,
        session_s=config.session_s,
        patience_s=(config.stop_grace_s, config.submit_timeout_s),
    )


def _driver(config: Settings) -> Callable[[Path], Driver]:
    if config.driver not in BUILT:
        raise ValueError(f"the driver {config.driver} is not built yet: use paper")
    simulation = Simulation(
        seed=config.paper_seed,
        speed=config.paper_speed,
        latency_s=config.paper_latency_s,
        refusal_rate=config.paper_refusal_rate,
        ambiguous_rate=config.paper_ambiguous_rate,
    )
    return lambda folder: PaperExchange(folder, simulation)
