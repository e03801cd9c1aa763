"""One account at work behind the windows: the agent while logged in, the watch over open positions while not.

The invariant: of one account there is at most one agent in this program, and the next begins when the last has given
its journal back.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from agent.agent import Agent
from agent.app import build
from agent.config import Settings
from agent.drivers.binance.facts import facts_of
from agent.link.api import Credentials
from agent.model import consent
from agent.model.engine import Mode, Refused
from agent.model.events import Event, SessionEnded
from agent.model.limits import Case
from agent.model.reasons import Reason
from agent.model.tally import tally
from agent.model.usage import Usage, usage
from agent.trading.controls import Controls
from agent.trading.questions import Questions
from agent.ui.decisions import Decisions
from agent.ui.state import Bar, Placing
from agent.vault import Vault
from protocol.messages import Outcome

STOPS_WITHIN_S: Final = 30.0
PAUSED_HERE: Final = "-"


class Terms(msgspec.Struct, frozen=True):
    """What an order would be placed with now, and why it would not."""

    stake: Decimal
    bars: tuple[Bar, ...]
    refuses: Reason | None
    is_paused: bool


class DeskSession:
    """`heard` gets every event, also those of the watch.

    Making one raises JournalBroken, OSError or ValueError.
    """

    def __init__(
        self,
        config: Settings,
        credentials: Credentials,
        placing: Placing,
        vault: Vault,
        heard: Callable[[Event], None],
    ) -> None:
        self._config, self._vault, self._heard = config, vault, heard
        self._username = credentials.username
        self.decisions = Decisions(placing)
        self._exchange = facts_of(config).urls.web
        self.agent = self._build(credentials)
        self._is_begun = False
        self._task: asyncio.Task[object] | None = None

    async def run(self, *, wait_for_hub: bool) -> SessionEnded:
        """The session; then the watch begins by itself unless it was `stop`ped. Raises JournalBroken."""
        task = asyncio.ensure_future(self.agent.run(wait_for_hub=wait_for_hub))
        self._task = task
        return await task

    async def watch(self) -> None:
        """Let what is open settle, until `stop`. Raises JournalBroken."""
        self.agent = self._build(Credentials(self._username, ""))
        self._task = asyncio.ensure_future(self.agent.watch())
        await self._task

    async def stop(self) -> None:
        """In an orderly way; returns when the journal is free again."""
        self.agent.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOPS_WITHIN_S)

    def use(self, mode: Mode) -> None:
        """Place what comes from now on in this mode."""
        self.agent.use(mode)

    def resolve(self, order_id: int, outcome: Outcome) -> bool:
        """The person's word about an unknown order."""
        return self.agent.resolve(order_id, outcome)

    def begin(self) -> None:
        """Logged in: the account's folder is known for certain by now."""
        self._is_begun = True
        if self.controls.is_paused:
            self.decisions.placing = Placing.PAUSED

    @property
    def controls(self) -> Controls:
        """Rules, pause and consent of this account."""
        return self.agent.controls

    def place(self, placing: Placing) -> None:
        """Who decides from the next order on; a pause also holds for a headless agent. Raises ControlsBroken."""
        self.decisions.placing = placing
        if placing is Placing.PAUSED:
            self.controls.pause(PAUSED_HERE)
        elif self.controls.is_paused:
            self.controls.resume()

    def set_rule(self, key: str, text: str) -> Refused | None:
        """Change a rule from the next order on. Raises BadRule or ControlsBroken."""
        changed = self.controls.set_rule(key, text)
        return changed if isinstance(changed, Refused) else None

    def missing_limits(self) -> list[str]:
        """The rules without which nobody trades live. Raises ControlsBroken."""
        return consent.missing(self.controls.rules())

    def accept_risks(self) -> None:
        """The person has read them and typed the words. Raises ControlsBroken."""
        self.controls.give_consent(consent.VERSION, self._exchange)

    def terms(self, mode: Mode, now_ms: int) -> Terms:
        """Stake, limits and what would refuse the next order, at a time of the hub's clock. Raises ControlsBroken."""
        held = self.controls.held()
        stakes = held.rules.stakes
        stake = stakes.get("", min(stakes.values(), default=Decimal(0)))
        facts = self.agent.spent.at(now_ms) if self._is_begun else ()
        case = Case(held.rules, stake, tally(facts, mode, now_ms, held.rules), now_ms)
        rows = usage(case, self._config.limits(), held.own)
        no_consent = consent.refusal(held.consent, self._exchange) if mode is Mode.LIVE else None
        bars = tuple(bar for row in rows if (bar := _bar(row, stake)) is not None)
        others = (row.refuses for row in rows if row.refuses is not None)
        return Terms(stake, bars, no_consent or self.agent.refuses() or next(others, None), held.paused is not None)

    def _build(self, credentials: Credentials) -> Agent:
        agent = build(self._config, credentials, self.decisions.decide, vault=self._vault)
        self.decisions.questions = Questions(agent.events)
        agent.events.subscribe(self._heard)
        return agent


def _bar(row: Usage, stake: Decimal) -> Bar | None:
    """A limit that has a most; the stake of one order is one of them."""
    used = stake if row.rule == "max_stake" else row.used
    return None if used is None or row.value is None else Bar(row.rule, used, Decimal(row.value), row.refuses)
