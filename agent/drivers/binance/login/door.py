"""`get_token`, under the name and with the two arguments that people script against: a thin door to the login.

The invariants: token and cookie are returned and neither printed nor written; the login is the same as `agent bind`'s,
but its profile stays signed in, so that a script needs no QR while the session lasts.
"""

import asyncio
import sys
from typing import Any, Final

import msgspec

from agent.config import Settings
from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.jobs import job_for
from agent.drivers.binance.login.terminal import show

TIMEOUT_S: Final = 300.0


class LoginFailed(RuntimeError):
    """There is no session; the text says why."""


def get_token(reset: bool = False, headless: bool = True) -> dict[str, str | int]:
    """Log in and return `csrftoken`, `p20t` and `expirationTimestamp` (epoch seconds, -1 where it is not known).

    `reset` deletes the browser's profile first. Blocking; not inside a running loop. Raises LoginFailed.
    """
    settings: dict[str, Any] = {}
    config = Settings(**settings)
    job = job_for(config, config.data_dir / "browser", is_headed=not headless, is_reset=reset, timeout_s=TIMEOUT_S)
    job = msgspec.structs.replace(job, stays_signed_in=True)
    return _as_scripts_know_it(asyncio.run(Login(job, lambda event: show(event, job.qr_limit, sys.stdout)).run()))


def _as_scripts_know_it(outcome: Outcome) -> dict[str, str | int]:
    if outcome.captured is None:
        raise LoginFailed(outcome.reason.text())
    found, ends_ms = outcome.captured, outcome.captured.expires_ms
    seconds = -1 if ends_ms is None else ends_ms // 1000
    return {"csrftoken": found.csrftoken, "p20t": found.p20t, "expirationTimestamp": seconds}
