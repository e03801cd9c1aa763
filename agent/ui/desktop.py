"""The desk: the only place where windows, the agent and what the person wants are connected.

The invariants: a view is made by `reduce` alone; every signal of a window is connected in `_connect` or where its
window is made, once; closing a window never stops what is executing.
"""

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QCloseEvent, QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import QApplication, QWidget

from agent import language
from agent.config import Settings
from agent.language import _
from agent.link.api import Credentials
from agent.model import events
from agent.model.account import Owner, normal_server
from agent.model.engine import Mode
from agent.model.events import Event, SessionEnded
from agent.model.rules import BadRule, written
from agent.trading.journal import JournalBroken
from agent.ui import refusals, words
from agent.ui.autostart import Autostart, own_command
from agent.ui.awake import Awake, SleepWatch
from agent.ui.binding import Binding
from agent.ui.confirm import ConfirmWindow
from agent.ui.first_run import FirstRun
from agent.ui.limits_window import SHOWN, LimitsWindow
from agent.ui.live_window import LiveWindow
from agent.ui.login_window import LoginWindow
from agent.ui.loop import DeskLoop, LagMeter, Slots
from agent.ui.main_window import MainWindow
from agent.ui.notices import Notice, notice
from agent.ui.one_window import OneWindow, raise_other
from agent.ui.palette import colours_for, dress, has_chinese_font
from agent.ui.preferences import PreferencesFile
from agent.ui.secrets import Passwords
from agent.ui.session import DeskSession
from agent.ui.settings_window import SettingsWindow
from agent.ui.state import Placing, View, reduce, sleep_seen, with_entries
from agent.ui.tray import Tray
from agent.ui.widgets import Words
from agent.vault import Vault, open_vault
from protocol.messages import Outcome
from protocol.text import clean

STATE_MS: Final = 500
_log: Final = logging.getLogger(__name__)


class Desk:
    """One account's windows. `live` runs until the person, or a signal, ends it."""

    def __init__(
        self, app: QApplication, config: Settings, username: str | None = None, vault: Vault | None = None
    ) -> None:
        self.app, self.config = app, config
        self.kept = PreferencesFile(config.data_dir)
        language.switch(config.language or self.kept.now.language or language.current())
        self.slots = Slots(self.failed)
        self.vault = vault or open_vault(config.data_dir, config.vault_passphrase_file)
        self.passwords = Passwords(self.vault)
        self.view = View()
        self.session: DeskSession | None = None
        self.window_of: OneWindow | None = None
        self.awake, self.meter = Awake(), LagMeter()
        self.binding = Binding(config, self.vault, self.slots, lambda: Owner(self.view.server, self.view.username))
        self.ended: asyncio.Future[int] = asyncio.get_event_loop().create_future()
        now = self.kept.now
        self.login = LoginWindow(now.server or config.server_url, username or now.username, now.is_remembered)
        self.main, self.tray = MainWindow(), Tray()
        self.live_window, self.limits, self.settings = LiveWindow(), LimitsWindow(), self._settings_window()
        self.first_run: FirstRun | None = None
        self.first_stake: int | None = None
        self.questions: dict[int, ConfirmWindow] = {}
        self.sleep = SleepWatch(self.slept)
        self._connect()
        self.dress()
        self._refreshing = QTimer()
        self._refreshing.timeout.connect(self._refresh)
        self._refreshing.start(STATE_MS)

    async def live(self) -> int:
        """Show the login window, or log in with what is remembered; the exit code."""
        self._on_signals()
        self.meter.start()
        if not has_chinese_font(QFontDatabase.families()):
            self.login.say(lambda: "No Chinese font is installed. 未安装中文字体 (fonts-noto-cjk)")
        if self.kept.is_first_time and not self.login.username.text():
            self._first_run()
        else:
            self.login.show()
            self._log_in_with_remembered()
        code = await self.ended
        await self._end()
        return code

    # what the person wants

    def _connect(self) -> None:
        """The wiring diagram."""
        login, main, panel, slots = self.login, self.main, self.main.panel, self.slots
        slots.connect(login.login_wanted, self.log_in)
        login.language_wanted.connect(lambda name: self.change("language", name))
        login.closed.connect(self._login_closed)
        main.stop_wanted.connect(self.stop_placing)
        main.go_wanted.connect(lambda: self.place(Placing.AUTO))
        main.settings_wanted.connect(lambda: _show(self.settings))
        slots.connect(main.log_out_wanted, self.log_out)
        main.sleep_seen.connect(lambda: self._show(sleep_seen(self.view)))
        main.closing.connect(self._closing)
        main.orders.resolved.connect(self.resolve)
        panel.placing_wanted.connect(self.place)
        panel.mode_wanted.connect(self.want_mode)
        panel.stake_wanted.connect(self.stake)
        panel.limits_wanted.connect(self.open_limits)
        self.limits.rule_wanted.connect(self.rule)
        panel.bind_wanted.connect(self.binding.open)
        self.live_window.agreed.connect(self.accept)
        self.tray.opened.connect(self.raise_window)
        self.tray.stop_wanted.connect(self.stop_placing)
        self.tray.quit_wanted.connect(self.quit)
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(lambda _scheme: self.dress())

    async def log_in(self, server: str, username: str, password: str, is_remembered: bool) -> None:
        """A session for this account, from login to its end."""
        self.login.say(lambda: _("Logging in…"), is_busy=True)
        try:
            config = self.config.model_copy(update={"server_url": normal_server(server)})
        except ValueError:
            return self.login.say(lambda: _("The hub's address is not one like http://127.0.0.1:8000."))
        account = f"{config.server_url} {username}"
        if not await self._is_free(config, account):
            return self.login.say(lambda: _("This account's window is open already: it has been brought to the front."))
        self.login.say(lambda: _("Logging in…"), is_busy=True)
        self.kept.change(server=config.server_url, username=username, is_remembered=is_remembered)
        problem = self.passwords.keep(config.server_url, username, password if is_remembered else None)
        try:
            self.session = self._new_session(config, account, Credentials(username, password))
            ended = await self.session.run(wait_for_hub=False)
        except (JournalBroken, OSError, ValueError) as error:
            said = clean(error)
            return self._logged_out(lambda: said)
        if problem:
            self.main.log.add(events.HubSaid("VAULT", problem), _now_ms())
        return await self._after(ended)

    async def log_out(self) -> None:
        """End the session in an orderly way; the login window comes back."""
        if self.session is not None:
            await self.session.stop()

    def stop_placing(self) -> None:
        """Place nothing from now on; what is under way ends as it does."""
        self.place(Placing.PAUSED)
        for order_id in list(self.questions):
            self.answer(order_id, is_yes=False)

    def place(self, placing: Placing) -> None:
        """Who decides from now on."""
        if self.session is not None:
            self.session.place(placing)
            self.kept.change_account(self._account(), placing=placing)
            self._show(msgspec.structs.replace(self.view, placing=placing))

    def want_mode(self, mode: Mode) -> None:
        """PAPER at once; LIVE after its risks."""
        self._show(self.view)
        if mode is Mode.PAPER:
            return self.use(mode)
        missing = [] if self.session is None else self.session.missing_limits()
        if not missing:
            return _show(self.live_window)
        self.open_limits()
        return self.limits.say(
            lambda: _("Before LIVE, set these limits: {names}").format(names=" · ".join(map(words.rule, missing)))
        )

    def use(self, mode: Mode) -> None:
        """Place what comes from now on in this mode."""
        if self.session is not None:
            self.session.use(mode)
            self._keep_awake(self.view)

    def stake(self, amount: int) -> None:
        """The stake of the next order."""
        if self.session is not None:
            self.rule("stake", str(amount))

    def open_limits(self) -> None:
        """The limits as they are."""
        if self.session is not None:
            own = self.session.controls.rules()
            self.limits.show_rules({key: written(own, key) for key in SHOWN})
            _show(self.limits)

    def rule(self, key: str, text: str) -> None:
        """A limit, from the next order on; why not is said beside it."""
        if self.session is None:
            return None
        try:
            refused = self.session.set_rule(key, text)
        except BadRule as error:
            takes = error.takes
            return self.limits.say(lambda: f"{words.rule(key)}: {_(takes)}")
        self.limits.say(lambda: "" if refused is None else words.why(refused.reason))
        return self._refresh()

    def accept(self) -> None:
        """The risks of LIVE were read: it is on."""
        if self.session is not None:
            self.session.accept_risks()
            self.use(Mode.LIVE)

    def resolve(self, order_id: int, outcome: Outcome) -> None:
        """What became of an unknown order, by the person's word."""
        if self.session is not None:
            self.session.resolve(order_id, outcome)

    def answer(self, order_id: int, is_yes: bool) -> None:
        """The answer to a question."""
        if self.session is not None:
            self.session.decisions.answer(order_id, is_yes)

    def change(self, name: str, value: object) -> None:
        """A preference."""
        self.kept.change(**{name: value})
        if name == "language":
            language.switch(str(value))
            self.retranslate()
        self.dress()
        self._keep_awake(self.view)

    # what is shown

    def failed(self, error: BaseException) -> None:
        """What a slot or a callback raised: shown and logged, and the program goes on."""
        if isinstance(error, KeyboardInterrupt):  # before signals had their handlers
            return self.quit()
        _log.error("a slot failed", exc_info=error)
        self.main.log.add(events.HubSaid(type(error).__name__, str(error)), _now_ms())
        if self.login.isVisible():
            said = clean(f"{type(error).__name__}: {error}")
            self.login.say(lambda: said)
        return None

    def heard(self, event: Event) -> None:
        """An event of the agent: the one way into the view."""
        said = notice(self.view, event)
        view = reduce(self.view, event, _now_ms())
        self.main.heard(event, _now_ms())
        match event:
            case events.LoggedIn():
                view = self._begun(view)
            case events.Disconnected(reason, retry_in_s) if self.view.session_ends_ms is None:
                self.login.say(lambda: refusals.waiting(reason, retry_in_s))
            case events.Asked():
                self._ask(event)
            case events.AskedOver(order_id):
                if order_id in self.questions:
                    self.questions.pop(order_id).over()
        self._show(view)
        self._tell(said)

    def retranslate(self) -> None:
        """Everything that is open, in the language of today."""
        for part in (self.login, self.main, self.settings, self.live_window, self.limits, self.tray):
            part.retranslate()
        for question in self.questions.values():
            question.retranslate()
        if self.first_run is not None:
            self.first_run.retranslate()
        self.binding.retranslate()
        self._show(self.view)

    def dress(self) -> None:
        """The colours that were chosen."""
        colours, is_red_up = colours_for(self.kept.now.theme), self.kept.now.is_red_up
        dress(self.app, colours)
        self.main.dress(colours, language.current() == "zh_CN" if is_red_up is None else is_red_up)
        self._show(self.view)

    def raise_window(self) -> None:
        """The window that is in use, to the front."""
        _show(self.login if self.view.session_ends_ms is None or self.view.ended is not None else self.main)

    def quit(self) -> None:
        """End the program; orders under way end first."""
        if not self.ended.done():
            self.ended.set_result(0)

    def _show(self, view: View) -> None:
        self.view = view
        self.main.render_view(view)
        name = f"{words.mode(view.mode)} · {view.username or _('not logged in')}"
        self.tray.show_state(self.main.tone, colours_for(self.kept.now.theme), name)

    def _refresh(self) -> None:
        """What no event tells: the terms, and whether the exchange would refuse."""
        session = self.session
        if session is not None and self.view.ended is None:
            self._show(self._with_terms(self.view, session))

    def _begun(self, view: View) -> View:
        """Logged in: the login window makes place for the account's."""
        session = self.session
        if session is None:
            return view
        view = with_entries(view, session.agent.journal.entries())
        mode = Mode.PAPER if self.config.driver == "paper" else Mode.LIVE
        session.begin()
        if self.first_stake is not None:
            session.set_rule("stake", str(self.first_stake))
            self.first_stake = None
        view = self._with_terms(msgspec.structs.replace(view, mode=mode), session)
        self.main.restore(self.kept.of(self._account()).geometry)
        self.login.hide()
        self.main.show()
        self._keep_awake(view)
        return view

    def _with_terms(self, view: View, session: DeskSession) -> View:
        """The terms as they are now; a pause may have come from the command line."""
        terms = session.terms(view.mode, view.hub_ms(_now_ms()))
        placing = Placing.PAUSED if terms.is_paused else session.decisions.placing
        facts = {"stake": terms.stake, "bars": terms.bars, "refuses": terms.refuses}
        return msgspec.structs.replace(view, placing=placing, **facts)

    def _ask(self, event: events.Asked) -> None:
        window = ConfirmWindow(event, self.view.mode, lambda: self.view.hub_ms(_now_ms()))
        window.answered.connect(self.answer)
        self.questions[event.order_id] = window
        window.show()
        window.move(self.main.geometry().center() - window.rect().center())
        window.activateWindow()

    def _tell(self, said: Notice | None) -> None:
        if said is not None and said.kind in self.kept.now.notices:
            self.tray.tell(f"bn-auto · {self.view.username}", said, has_sound=self.kept.now.has_sound)

    # beginning and ending

    def _new_session(self, config: Settings, account: str, credentials: Credentials) -> DeskSession:
        self.view = View(username=credentials.username, server=config.server_url)
        placing = self.kept.of(account).placing
        return DeskSession(config, credentials, placing, self.vault, self.heard)

    async def _is_free(self, config: Settings, account: str) -> bool:
        """Whether this program may be the account's; what watched over another one ends."""
        if self.session is not None:
            await self.session.stop()
            self.session = None
        if self.window_of is not None:
            self.window_of.give_up()
        self.window_of = OneWindow(config.data_dir, account, self.raise_window)
        return self.window_of.take()

    async def _after(self, ended: SessionEnded) -> None:
        self._logged_out(lambda: refusals.words(ended))
        if self.view.session_ends_ms is not None and self.session is not None and not self.ended.done():
            await self.session.watch()

    def _logged_out(self, why: Words) -> None:
        self._keep_geometry()
        self.awake.release()
        self.main.hide()
        self.login.say(why)
        if not self.ended.done():
            _show(self.login)

    def _first_run(self) -> None:
        """Four steps, then the login window with what was said."""
        least = int(self.config.min_order_amount)
        bounds = (int(self.config.order_amount), least, int(self.config.max_order_amount))
        steps = self.first_run = FirstRun(self.login.server.text(), *bounds)
        steps.language_wanted.connect(lambda name: self.change("language", name))
        steps.done.connect(self._first_run_done)
        steps.closed.connect(self.quit)
        steps.show()

    def _first_run_done(self, server: str, username: str, stake: int) -> None:
        self.first_stake = stake
        self.kept.change(server=server, username=username)
        self.login.server.setText(server)
        self.login.username.setText(username)
        self.login.show()
        if self.first_run is not None:
            self.first_run.closed.disconnect()
            self.first_run.close()
            self.first_run = None

    def _log_in_with_remembered(self) -> None:
        now = self.kept.now
        password = self.passwords.kept(now.server, now.username) if now.is_remembered else None
        if password and self.login.username.text() == now.username:
            self.login.login_wanted.emit(now.server, now.username, password, True)

    def _login_closed(self) -> None:
        if not self.main.isVisible() and not self.login.isHidden():
            self.quit()

    def _closing(self, event: QCloseEvent) -> None:
        """Into the tray where there is one; else the end."""
        event.ignore()
        if self.ended.done():
            return event.accept()
        if not (self.kept.now.is_close_to_tray and self.tray.is_shown):
            return self.quit()
        self.main.hide()
        if not self.kept.now.was_told_of_tray:
            self.kept.change(was_told_of_tray=True)
            told = _("bn-auto goes on in the tray. Quit it from the tray's menu.")
            self.tray.tell("bn-auto", Notice("session", told, is_warning=False), has_sound=False)
        return None

    async def _end(self) -> None:
        self._keep_geometry()
        if self.session is not None:
            await self.session.stop()
        await self.binding.end()
        await self.slots.end()
        if self.window_of is not None:
            self.window_of.give_up()
        self.awake.release()
        self.meter.stop()
        self.tray.hide()
        for window in (self.login, self.main, self.settings, self.live_window, self.limits, *self.questions.values()):
            window.hide()

    def _on_signals(self) -> None:
        loop = asyncio.get_event_loop()
        if sys.platform == "win32":
            signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(self.quit))
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.quit)

    def slept(self, seconds: float) -> None:
        """This computer stood still for so long."""
        if self.session is not None:
            self.session.agent.events.emit(events.Slept(seconds))

    def _keep_awake(self, view: View) -> None:
        if self.kept.now.is_kept_awake and view.mode is Mode.LIVE and view.ended is None:
            self.awake.hold(_("Live trading is on"))
        else:
            self.awake.release()

    def _keep_geometry(self) -> None:
        if self.main.isVisible():
            self.kept.change_account(self._account(), geometry=self.main.geometry_text())

    def _account(self) -> str:
        return f"{self.view.server} {self.view.username}"

    def _settings_window(self) -> SettingsWindow:
        autostart = Autostart(own_command(), Path.home())
        window = SettingsWindow(self.kept.now, starts_with_computer=autostart.is_on)
        window.changed.connect(self.change)
        window.autostart_wanted.connect(autostart.switch)
        return window


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


def _show(window: QWidget) -> None:
    window.show()
    window.raise_()
    window.activateWindow()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
