"""Whether trading is live, paused or off by the person's word: told when it changes, whoever changed it, and where.

The invariant: it is looked up where each order looks it up, in the controls; what cannot be read changes nothing here.
"""

import contextlib
from collections.abc import Callable

from agent.drivers.base import Drivers
from agent.model.engine import Mode
from agent.model.events import Events, TradingChanged
from agent.model.reasons import Reason
from agent.trading.controls import Controls, ControlsBroken

Off = Callable[[], Reason | None]


class Standing:
    """`live_is_off` is why the person has not allowed live trading; None: has allowed it."""

    def __init__(self, controls: Controls, drivers: Drivers, live_is_off: Off, stream: Events) -> None:
        self._controls = controls
        self._drivers = drivers
        self._live_is_off = live_is_off
        self._events = stream
        self._told: TradingChanged | None = None
        self.look(is_told=True)

    def look(self, *, is_told: bool = False) -> None:
        """Tell what has changed since the last look. `is_told`: whoever listens knows it already."""
        with contextlib.suppress(ControlsBroken):
            now = self._now()
            if now != self._told and not is_told:
                self._events.emit(now)
            self._told = now

    def _now(self) -> TradingChanged:
        paused = self._controls.held().paused
        is_live = self._drivers.current.mode is Mode.LIVE
        if paused is not None:
            return TradingChanged(is_live, True, Reason("paused", {"reason": paused}))
        return TradingChanged(is_live, False, self._live_is_off() if is_live else None)
