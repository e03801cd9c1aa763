"""A trader who has read what must be told, and has switched live trading on."""

import time
from pathlib import Path

from agent.model.account import Owner
from agent.model.consent import VERSION
from agent.trading.accounts import Accounts
from agent.trading.controls import Controls


def accept_live(data_dir: Path, server: str, username: str, exchange: str) -> None:
    """As `agent live on` does it."""
    controls = Controls(Accounts(data_dir).folder(Owner(server, username)), lambda: time.time_ns() // 1_000_000)
    controls.give_consent(VERSION, exchange)
    controls.close()
