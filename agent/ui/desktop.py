"""The desk: the only place where windows, the agent and what the person wants are connected, and an account's life.

The invariants: a view is made by `reduce` alone; every signal of a window is connected in `_connect` or where its
window is made, once; closing a window never stops what is executing.
"""

import asyncio
import gc
import logging
import signal
import sys
import time
from typing import Final

import msgspec
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QCloseEvent, QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import QApplication

from agent import language
from agent.config import Settings
from agent.language import _
from agent.link.api import Credentials
from agent.model import events
from agent.model.account import Owner, normal_server
from agent.model.engine import Mode
from agent.model.events import Event, SessionEnded
from agent.trading.journal import JournalBroken
from agent.ui import refusals
from agent.ui.awake import Awake, SleepWatch
from agent.ui.binding import Binding
from agent.ui.loop import DeskLoop, LagMeter, Slots
from agent.ui.notices import notice
from agent.ui.one_window import OneWindow, raise_other
from agent.ui.palette import has_chinese_font
from agent.ui.preferences import PreferencesFile
from agent.ui.secrets import Passwords
from agent.ui.session import DeskSession
from agent.ui.state import Placing, View, reduce, sleep_seen, with_entries
from agent.ui.widgets import Words
from agent.ui.windows import Windows, to_front
from agent.ui.wishes import Wishes
from agent.vault import Vault, open_vault
from protocol.text import clean

STATE_MS: Final = 500
_log: Final = logging.getLogger(__name__)


class Desk:
    """One account's program. `live` runs until the person, or a signal, ends it."""

    def __init__(
        self, app: QApplication, config: Settings, username: str | None = None, vault: Vault | None = None
    ) -> None:
        self.config = config
        self.kept = PreferencesFile(config.data_dir)
        language.switch(config.language or self.kept.now.language or language.current())
        self.slots = Slots(self.failed)
        self.vault = vault or open_vault(config.data_dir, config.vault_passphrase_file)
        self.passwords = Passwords(self.vault)
        self.session: DeskSession | None = None
        self.window_of: OneWindow | None = None
        self.awake, self.meter = Awake(), LagMeter()
        self.binding = Binding(config, self.vault, self.slots, lambda: Owner(self.view.server, self.view.username))
        self.ended: asyncio.Future[int] = asyncio.get_event_loop().create_future()
        now = self.kept.now
        self.windows = Windows(app, self.kept, now.server or config.server_url, username or now.username)
        self.wishes = Wishes(self.windows, self.kept, lambda: self.session, self._terms_changed)
        self.first_stake: int | None = None
        self.sleep = SleepWatch(self.slept)
        self._connect()
        self._refreshing = QTimer()
        self._refreshing.timeout.connect(self._refresh)
        self._refreshing.start(STATE_MS)

    @property
    def view(self) -> View:
        """What the windows show."""
        return self.windows.view

    async def live(self) -> int:
        """Show the login window, or log in with what is remembered; the exit code."""
        self._on_signals()
        self.meter.start()
        login = self.windows.login
        if not has_chinese_font(QFontDatabase.families()):
            login.say(lambda: "No Chinese font is installed. 未安装中文字体 (fonts-noto-cjk)")
        if self.kept.is_first_time and not login.username.text():
            self._first_run()
        else:
            login.show()
            self._log_in_with_remembered()
        code = await self.ended
        await self._end()
        return code

    def _connect(self) -> None:
        """The wiring diagram."""
        windows, wishes, slots = self.windows, self.wishes, self.slots
        login, main, panel, tray = windows.login, windows.main, windows.main.panel, windows.tray
        slots.connect(login.login_wanted, self.log_in)
        login.language_wanted.connect(lambda name: self.change("language", name))
        login.closed.connect(self._login_closed)
        main.stop_wanted.connect(wishes.stop_placing)
        main.go_wanted.connect(lambda: wishes.place(Placing.AUTO))
        main.settings_wanted.connect(lambda: to_front(windows.settings))
        slots.connect(main.log_out_wanted, self.log_out)
        main.sleep_seen.connect(lambda: windows.show(sleep_seen(self.view)))
        main.closing.connect(self._closing)
        main.orders.resolved.connect(wishes.resolve)
        panel.placing_wanted.connect(wishes.place)
        panel.mode_wanted.connect(wishes.want_mode)
        panel.stake_wanted.connect(wishes.stake)
        panel.limits_wanted.connect(wishes.open_limits)
        panel.bind_wanted.connect(self.binding.open)
        windows.limits.rule_wanted.connect(wishes.rule)
        windows.live.agreed.connect(wishes.accept)
        windows.settings.changed.connect(self.change)
        tray.opened.connect(windows.raise_one)
        tray.stop_wanted.connect(wishes.stop_placing)
        tray.quit_wanted.connect(self.quit)
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(lambda _scheme: windows.dress())

    # an account's life

    async def log_in(self, server: str, username: str, password: str, is_remembered: bool) -> None:
        """A session for this account, from login to its end."""
        login = self.windows.login
        login.say(lambda: _("Logging in…"), is_busy=True)
        try:
            config = self.config.model_copy(update={"server_url": normal_server(server)})
        except ValueError:
            return login.say(lambda: _("The hub's address is not one like http://127.0.0.1:8000."))
        view = View(username=username, server=config.server_url)
        if not await self._is_free(config, view.account):
            return login.say(lambda: _("This account's window is open already: it has been brought to the front."))
        login.say(lambda: _("Logging in…"), is_busy=True)
        self.kept.change(server=config.server_url, username=username, is_remembered=is_remembered)
        problem = self.passwords.keep(config.server_url, username, password if is_remembered else None)
        try:
            self.session = self._new_session(config, view, Credentials(username, password))
            ended = await self.session.run(wait_for_hub=False)
        except (JournalBroken, OSError, ValueError) as error:
            said = clean(error)
            return self._logged_out(lambda: said)
        if problem:
            self.windows.main.log.note(lambda: problem, _now_ms())
        return await self._after(ended)

    async def log_out(self) -> None:
        """End the session in an orderly way; the login window comes back."""
        if self.session is not None:
            await self.session.stop()

    def _new_session(self, config: Settings, view: View, credentials: Credentials) -> DeskSession:
        self.windows.view = view
        placing = self.kept.of(view.account).placing
        return DeskSession(config, credentials, placing, self.vault, self.heard)

    async def _is_free(self, config: Settings, account: str) -> bool:
        """Whether this program may be the account's; what watched over another one ends."""
        if self.session is not None:
            await self.session.stop()
            self.session = None
        if self.window_of is not None:
            self.window_of.give_up()
        self.window_of = OneWindow(config.data_dir, account, self.windows.raise_one)
        return self.window_of.take()

    def _begun(self, view: View) -> View:
        """Logged in: the account's window, with what its journal has."""
        session = self.session
        if session is None:
            return view
        view = with_entries(view, session.agent.journal.entries())
        mode = Mode.PAPER if self.config.driver == "paper" else Mode.LIVE
        session.begin()
        if self.first_stake is not None:
            session.set_rule("stake", str(self.first_stake))
            self.first_stake = None
        view = _with_terms(msgspec.structs.replace(view, mode=mode), session)
        self.windows.open_account()
        gc.freeze()  # a walk through rows and windows, which stay, would block the loop for a tenth of a second
        self._keep_awake(view)
        return view

    async def _after(self, ended: SessionEnded) -> None:
        self._logged_out(lambda: refusals.words(ended))
        if self.view.session_ends_ms is not None and self.session is not None and not self.ended.done():
            await self.session.watch()

    def _logged_out(self, why: Words) -> None:
        gc.unfreeze()
        self.awake.release()
        self.windows.close_account(why, is_last=self.ended.done())

    # what happens, and how it is shown

    def heard(self, event: Event) -> None:
        """An event of the agent: the one way into the view."""
        said = notice(self.view, event)
        view = reduce(self.view, event, _now_ms())
        self.windows.main.heard(event, _now_ms())
        match event:
            case events.LoggedIn():
                view = self._begun(view)
            case events.Disconnected(reason, retry_in_s) if self.view.session_ends_ms is None:
                self.windows.login.say(lambda: refusals.waiting(reason, retry_in_s))
            case events.Asked():
                self.windows.ask(event, self.wishes.answer, _now_ms)
            case events.AskedOver(order_id):
                self.windows.stop_asking(order_id)
        self.windows.show(view)
        self.windows.tell(said)

    def failed(self, error: BaseException) -> None:
        """What a slot or a callback raised: shown and logged, and the program goes on."""
        if isinstance(error, KeyboardInterrupt):  # before signals had their handlers
            return self.quit()
        _log.error("a slot failed", exc_info=error)
        said = clean(f"{type(error).__name__}: {error}")
        self.windows.main.log.note(lambda: _("A part of the program failed ({why}).").format(why=said), _now_ms())
        if self.windows.login.isVisible():
            self.windows.login.say(lambda: _("A part of the program failed ({why}).").format(why=said))
        return None

    def change(self, name: str, value: object) -> None:
        """A preference."""
        self.kept.change(**{name: value})
        if name == "language":
            language.switch(str(value))
            self.windows.retranslate()
            self.binding.retranslate()
        self.windows.dress()
        self._keep_awake(self.view)

    def slept(self, seconds: float) -> None:
        """This computer stood still for so long."""
        if self.session is not None:
            self.session.agent.events.emit(events.Slept(seconds))

    def _refresh(self) -> None:
        """What no event tells: the terms, and whether the exchange would refuse."""
        session = self.session
        if session is not None and self.view.ended is None:
            self.windows.show(_with_terms(self.view, session))

    def _terms_changed(self) -> None:
        self._refresh()
        self._keep_awake(self.view)

    def _keep_awake(self, view: View) -> None:
        if self.kept.now.is_kept_awake and view.mode is Mode.LIVE and view.ended is None:
            self.awake.hold(_("Live trading is on"))
        else:
            self.awake.release()

    # beginning and ending

    def quit(self) -> None:
        """End the program; orders under way end first."""
        if not self.ended.done():
            self.ended.set_result(0)

    def _first_run(self) -> None:
        """Four steps, then the login window with what was said."""
        least = int(self.config.min_order_amount)
        steps = self.windows.begin_first_run(int(self.config.order_amount), least, int(self.config.max_order_amount))
        steps.language_wanted.connect(lambda name: self.change("language", name))
        steps.chosen.connect(self._first_run_done)
        steps.closed.connect(self.quit)

    def _first_run_done(self, server: str, username: str, stake: int) -> None:
        self.first_stake = stake
        self.kept.change(server=server, username=username)
        self.windows.end_first_run(server, username)

    def _log_in_with_remembered(self) -> None:
        now, login = self.kept.now, self.windows.login
        password = self.passwords.kept(now.server, now.username) if now.is_remembered else None
        if password and login.username.text() == now.username:
            login.login_wanted.emit(now.server, now.username, password, True)

    def _login_closed(self) -> None:
        if not self.windows.main.isVisible() and not self.windows.login.isHidden():
            self.quit()

    def _closing(self, event: QCloseEvent) -> None:
        """Into the tray where there is one; else the end."""
        event.ignore()
        if self.ended.done():
            event.accept()
        elif not self.windows.go_to_tray():
            self.quit()

    async def _end(self) -> None:
        self.windows.keep_geometry()
        if self.session is not None:
            await self.session.stop()
        await self.binding.end()
        await self.slots.end()
        if self.window_of is not None:
            self.window_of.give_up()
        self.awake.release()
        self.meter.stop()
        self.windows.hide()

    def _on_signals(self) -> None:
        loop = asyncio.get_event_loop()
        if sys.platform == "win32":
            signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(self.quit))
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.quit)


def run(config: Settings, username: str | None) -> int:
    """Open the desk; returns the exit code."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("bn-auto")
    loop = DeskLoop(app)
    asyncio.set_event_loop(loop)
    if username is not None and raise_other(config.data_dir, f"{config.server_url} {username}"):
        return 0
    with loop:
        desk = Desk(app, config, username)
        sys.excepthook = lambda kind, error, trace: desk.failed(error)  # else PyQt ends the process
        code = loop.run_until_complete(desk.live())
    return int(code)


def _with_terms(view: View, session: DeskSession) -> View:
    """The terms as they are now; a pause may have come from the command line."""
    terms = session.terms(view.mode, view.hub_ms(_now_ms()))
    placing = Placing.PAUSED if terms.is_paused else session.decisions.placing
    facts = {"stake": terms.stake, "bars": terms.bars, "refuses": terms.refuses}
    return msgspec.structs.replace(view, placing=placing, **facts)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
