"""The login at the exchange from the window: a browser in a helper process, its QR shown, its session kept.

The invariant: one login at a time; the session goes from the helper into the vault and nowhere else.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from agent.config import Settings
from agent.drivers.binance.api import WebSession
from agent.drivers.binance.facts import FactsBroken
from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.jobs import job_for
from agent.drivers.binance.login.terminal import is_installed
from agent.language import _
from agent.model.account import Owner
from agent.model.reasons import Reason
from agent.trading.accounts import Accounts
from agent.ui import words
from agent.ui.loop import Slots
from agent.ui.qr_window import QrWindow
from agent.vault import Vault, VaultUnavailable
from protocol.text import clean

TIMEOUT_S = 300.0
PROFILE = "browser"


class Binding:
    """Of the account that `owner` names at the moment."""

    def __init__(self, config: Settings, vault: Vault, slots: Slots, owner: Callable[[], Owner]) -> None:
        self._config, self._vault, self._slots, self._owner = config, vault, slots, owner
        self._accounts = Accounts(config.data_dir)
        self._login: Login | None = None
        self.window: QrWindow | None = None

    @property
    def is_bound(self) -> bool:
        """Whether the account has a session in the vault. Raises VaultUnavailable."""
        return self._vault.get(self._accounts.keys(self._owner())[0], "exchange_session") is not None

    def open(self) -> None:
        """Show the window and begin."""
        self.window = QrWindow()
        self.window.again_wanted.connect(self._again)
        self.window.cancel_wanted.connect(self.cancel)
        self.window.show()
        self._again(is_headed=False)

    def cancel(self) -> None:
        """Close the browser."""
        if self._login is not None:
            self._login.cancel()

    async def end(self) -> None:
        """Nothing of it is left."""
        self.cancel()
        if self.window is not None:
            self.window.hide()

    def retranslate(self) -> None:
        """After a change of the language."""
        if self.window is not None:
            self.window.retranslate()

    def _again(self, is_headed: bool) -> None:
        self._slots.run(self._run(is_headed))

    async def _run(self, is_headed: bool) -> None:
        window = self.window
        if window is None:
            return None
        if not is_installed():
            return window.say(lambda: words.why(Reason("login.playwright_missing")))
        self.cancel()
        try:
            outcome = await self._log_in(window, is_headed)
            if outcome.captured is not None:
                found = outcome.captured
                self._keep(WebSession(found.csrftoken, found.p20t, found.expires_ms))
        except VaultUnavailable as error:
            window.say(partial(_no_place, clean(error)))
        except (FactsBroken, OSError) as error:
            said = clean(error)
            window.say(lambda: said)
        return None

    async def _log_in(self, window: QrWindow, is_headed: bool) -> Outcome:
        self._vault.unlock()  # a session with no place for it would be lost, and the one before it ended
        profile = self._accounts.folder(self._owner()) / PROFILE
        job = job_for(self._config, profile, is_headed=is_headed, is_reset=False, timeout_s=TIMEOUT_S)
        self._login = Login(job, window.heard)
        return await self._login.run()

    def _keep(self, session: WebSession) -> None:
        key = self._accounts.keys(self._owner())[0]
        self._vault.put(key, "exchange_session", msgspec.json.encode(session).decode())


def _no_place(why: str) -> str:
    said = _("The session has no safe place here ({why}). Set AGENT_VAULT_PASSPHRASE_FILE, then start again.")
    return said.format(why=why)
