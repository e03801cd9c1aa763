"""`make desk`: the window with everything it needs on this computer, an order every 20 s, until it is closed.

An embedded hub, the stand-in exchange, a trader, and the window of `agent` as a process of its own. Nothing leaves
this computer. Its data is in `.desk`.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import ROOT

DIRECTORY: Final = Path(".desk")
EVERY_S: Final = 20.0
NAME: Final = "alice"
EXCHANGE_PORT: Final = 8100
ORDERS: Final = (
    ("BTCUSDT", "LONG", "TEN_MINUTE"),
    ("ETHUSDT", "SHORT", "THIRTY_MINUTE"),
    ("BTCUSDT", "SHORT", "ONE_HOUR"),
)


def main(arguments: list[str] | None = None) -> int:
    given = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    with ExitStack() as stack:
        hub = HubProcess(DIRECTORY.resolve() / "hub", HubSettings(jwt_secret="", admin_token=""))
        stack.callback(hub.kill)
        hub.start()
        password = secrets.token_urlsafe(9)
        hub.post("/api/admin/users/create", {"username": NAME, "password": password})
        exchange = _started(stack, [sys.executable, "-m", "tests.exchange", "--port", str(EXCHANGE_PORT)])
        print(f"hub {hub.url} · user {NAME} · password {password}\nan order comes every {given.every:g} s", flush=True)
        window = _started(stack, _window(hub), _environment(password))
        try:
            return _publish(hub, window, exchange, given)
        except KeyboardInterrupt:
            return 0


def _parse(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between two orders")
    parser.add_argument("--seconds", type=float, default=0, help="end by itself; 0: when the window is closed")
    return parser.parse_args(arguments)


def _window(hub: HubProcess) -> list[str]:
    given = (
        "--server",
        hub.url,
        "--user",
        NAME,
        "--paper-speed",
        "60",
        "--data-dir",
        str(DIRECTORY.resolve() / "agent"),
    )
    return [sys.executable, "-m", "agent", *given]


def _environment(password: str) -> dict[str, str]:
    """The window's; the exchange is the stand-in, should somebody switch LIVE on."""
    url = f"http://127.0.0.1:{EXCHANGE_PORT}"
    own = {"AGENT_BINANCE_URL": url, "AGENT_BINANCE_ACCOUNTS_URL": url, "AGENT_PRICE_URL": url.replace("http", "ws")}
    return {**os.environ, "PYTHONPATH": str(ROOT), **own}


def _started(stack: ExitStack, command: list[str], environment: dict[str, str] | None = None) -> Any:
    process = subprocess.Popen(command, env=environment)

    def end() -> None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()

    stack.callback(end)
    return process


def _publish(hub: HubProcess, window: Any, exchange: Any, given: Any) -> int:
    """Until the window is closed."""
    began, number = time.monotonic(), 0
    while window.poll() is None and exchange.poll() is None:
        now = time.monotonic() - began
        if given.seconds and now > given.seconds:
            return 0
        if now >= number * given.every:
            symbol, direction, increment = ORDERS[number % len(ORDERS)]
            order = {"symbol_name": symbol, "direction": direction, "time_increments": increment, "valid_duration": 15}
            hub.post("/api/orders/create", order)
            number += 1
        time.sleep(0.2)
    return int(window.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
