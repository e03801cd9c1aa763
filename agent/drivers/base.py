"""What every driver can do. The executor knows no more than this.

The invariants of every driver: `submit` sends a request at most once, and answers `Ambiguous` whenever a byte of the
request may have left and the answer did not come; `find` says no only where the exchange has said no.
"""

from decimal import Decimal
from typing import Protocol

from agent.model.engine import Answer, Entry, Mode, Refused, Settlement, Submitted
from agent.model.reasons import Reason
from protocol.messages import Order


class Driver(Protocol):
    """An exchange account of one trader."""

    @property
    def name(self) -> str:
        """What it is called in settings, journal and messages."""
        ...

    @property
    def mode(self) -> Mode:
        """Whether money is at stake."""
        ...

    async def start(self) -> None:
        """Warm the connection up and check the session; returns at once if there is nothing to do."""
        ...

    def refuses(self) -> Reason | None:
        """Why it would refuse an order now; None if it would not."""
        ...

    async def submit(self, order: Order, stake: Decimal, payout_ratio: Decimal, within_s: float) -> Answer:
        """Place it, once. `stake` in USDT, `payout_ratio` is profit per unit of stake.

        No byte of the request leaves later than `within_s` from now; how long the answer is waited for is the driver's.
        """
        ...

    async def find(self, entry: Entry) -> Submitted | Refused | None:
        """What became of an entry that may have been submitted; None if the exchange can't tell (yet)."""
        ...

    async def settle(self, entry: Entry) -> Settlement | None:
        """Wait until the position has ended; None if the exchange can't tell how. Safe to cancel and call again.

        An entry whose settlement is estimated waits for the confirmation.
        """
        ...

    async def close(self) -> None:
        """Give files and connections back."""
        ...


class Drivers:
    """All drivers of an agent. `current` takes new orders; the others answer for what they took before."""

    def __init__(self, current: Driver, *others: Driver) -> None:
        self.current = current
        self.all = (current, *others)

    def use(self, mode: Mode) -> bool:
        """Let the driver of this mode take new orders from now on; False where there is none."""
        wanted = next((one for one in self.all if one.mode is mode), None)
        self.current = wanted or self.current
        return wanted is not None

    def refuses(self) -> Reason | None:
        """Why the current one would refuse an order now."""
        return self.current.refuses()

    def that_took(self, entry: Entry) -> Driver | None:
        """The one exchange that may be asked about an entry."""
        return next((one for one in self.all if (one.name, one.mode) == (entry.driver, entry.mode)), None)
