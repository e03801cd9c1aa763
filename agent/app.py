"""The only wiring: settings and credentials in, an `Agent` out.

The invariant: nothing else makes adapters, so what a test builds is what a trader runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.agent import Agent
from agent.config import Settings
from agent.device import installation_id
from agent.drivers.base import Driver, Drivers
from agent.drivers.paper import PaperExchange, Simulation
from agent.link.api import Credentials, HubApi
from agent.link.hub_time import HubClock
from agent.link.reconnecting import Link
from agent.model.account import Owner
from agent.model.events import Events
from agent.trading.executor import Executor
from agent.trading.gate import Decide, Gate, agree
from agent.trading.journal import Journal
from agent.trading.terms import FixedTerms
from agent.world import REAL, World

BUILT: Final = ("paper",)
"""The drivers that this version has."""


def build(config: Settings, credentials: Credentials, decide: Decide = agree, world: World = REAL) -> Agent:
    """Raises JournalBusy or JournalBroken; ValueError for a driver that is not built; OSError."""
    owner = Owner(config.server_url, credentials.username)
    folder = owner.folder(config.data_dir)
    device_id = owner.device_id(installation_id(config.data_dir))
    stream, clock = Events(), HubClock(world)
    link = Link(config.server_url, clock, stream, world)
    driver = _driver(config)
    journal = Journal(folder, owner)
    drivers = Drivers(driver(folder, world))
    terms = FixedTerms(config.order_amount, config.payouts(), config.limits())
    gate = Gate(journal, clock, drivers.current, terms, world, decide)
    executor = Executor(device_id, journal, drivers, gate, clock, stream, link.offer, world, config.submit_timeout_s)
    return Agent(
        credentials=credentials,
        device_id=device_id,
        journal=journal,
        drivers=drivers,
        api=HubApi(config.server_url),
        link=link,
        executor=executor,
        stream=stream,
        session_s=config.session_s,
        patience_s=(config.stop_grace_s, config.submit_timeout_s),
        world=world,
    )


def _driver(config: Settings) -> Callable[[Path, World], Driver]:
    if config.driver not in BUILT:
        raise ValueError(f"the driver {config.driver} is not built yet: use paper")
    simulation = Simulation(
        seed=config.paper_seed,
        speed=config.paper_speed,
        latency_s=config.paper_latency_s,
        refusal_rate=config.paper_refusal_rate,
        ambiguous_rate=config.paper_ambiguous_rate,
    )
    return lambda folder, world: PaperExchange(folder, simulation, world)
