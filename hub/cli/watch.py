"""Watching an order until it is settled: asks the hub again and again, and shows each answer.

Imported by `orders`. The invariant: it only reads, so ending it, however it ends, changes nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.live import Live

from hub.cli.client import HubClient, ask, read
from hub.cli.errors import NotFinished, OutOfReach, Refused
from hub.cli.funnel import draw, line
from hub.cli.screen import note, show_line, stdout, to_json
from hub.language import _
from hub.model.answers import OrderDetail

PATIENCE_S = 10.0
"""How long a hub that has gone away is asked again before the watch gives up: long enough for a restart."""


LIVE_PAUSE_S, PLAIN_PAUSE_S = 0.25, 0.5

Show = Callable[[Any], None]


class Changes:
    """Shows of each answer what differs from the one before."""

    def __init__(self, wording: Callable[[Any], str]) -> None:
        self._wording = wording
        self._last = ""

    def __call__(self, data: Any) -> None:
        if (now := self._wording(data)) != self._last:
            show_line(now)
            self._last = now


@contextmanager
def display(is_json: bool) -> Iterator[Show]:
    """Where answers are shown: redrawn in place on a terminal, else a line for each change."""
    if is_json:
        yield Changes(lambda data: to_json(data, indent=None))
    elif not stdout().is_terminal:
        yield Changes(lambda data: line(read(data, OrderDetail)))
    else:
        with Live(console=stdout(), auto_refresh=False) as live:
            yield lambda data: live.update(draw(read(data, OrderDetail)), refresh=True)


def watch_order(order_id: int, is_json: bool, timeout: float | None) -> None:
    """Watch until the order is settled. Ctrl-C ends the watch, not the order, and so is no failure.

    `timeout` in seconds, None: as long as it takes. Raises CommandError.
    """
    try:
        with display(is_json) as show:
            ask(lambda hub: follow(hub, order_id, show, timeout), is_quiet=True)
    except KeyboardInterrupt:
        note(_("Stopped watching. {hint}").format(hint=goes_on(order_id)))
        raise typer.Exit(0) from None


async def follow(hub: HubClient, order_id: int, show: Show, timeout: float | None) -> None:
    """Show the order until it is settled. Raises NotFinished after `timeout` seconds, or what `Hub` raises."""
    path = f"/api/orders/{order_id}"
    pause_s = LIVE_PAUSE_S if stdout().is_terminal else PLAIN_PAUSE_S
    try:
        async with asyncio.timeout(timeout):
            data = await hub.get(path)
            show(data)
            while not read(data, OrderDetail).is_settled:
                await asyncio.sleep(pause_s)
                data = await _ask_patiently(hub, path, pause_s)
                show(data)
    except TimeoutError:
        raise NotFinished(
            _("Order {id} is not settled after {seconds:g} s.").format(id=order_id, seconds=timeout), goes_on(order_id)
        ) from None


async def _ask_patiently(hub: HubClient, path: str, pause_s: float) -> Any:
    """As `hub.get`, but a hub that restarts is waited for."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        try:
            return await hub.get(path)
        except (OutOfReach, Refused) as error:
            is_passing = isinstance(error, OutOfReach) or error.status >= 500
            if not is_passing or loop.time() >= end:
                raise
        await asyncio.sleep(pause_s)


def goes_on(order_id: int) -> str:
    return _("The order goes on; see it with: hub orders watch {id}").format(id=order_id)
