"""The windows of one account and its icon in the tray: made once, shown and hidden, in the colours and words of today.

The invariants: they show the last view that `show` was given; they know no session, so nothing that is shown or hidden
here can stop what is executing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QApplication, QWidget

from agent import language
from agent.language import _
from agent.model.events import Asked
from agent.ui import qt_words, words
from agent.ui.autostart import Autostart, own_command
from agent.ui.confirm import ConfirmWindow
from agent.ui.first_run import FirstRun
from agent.ui.limits_window import LimitsWindow
from agent.ui.live_window import LiveWindow
from agent.ui.login_window import LoginWindow
from agent.ui.main_window import MainWindow
from agent.ui.notices import Notice
from agent.ui.palette import colours_for, dress
from agent.ui.preferences import PreferencesFile
from agent.ui.settings_window import SettingsWindow
from agent.ui.state import View
from agent.ui.tray import Tray
from agent.ui.widgets import Words

ASIDE: Final = 36
"""Pixels: no question hides another."""


class Windows:
    """Login, main, settings, limits, live, the first start's, and a question for each order that asks."""

    def __init__(self, app: QApplication, kept: PreferencesFile, server: str, username: str) -> None:
        self._app, self._kept = app, kept
        qt_words.speak(app)
        self.view = View()
        self.login = LoginWindow(server, username, kept.now.is_remembered)
        self.main, self.tray = MainWindow(), Tray()
        self.live, self.limits, self.settings = LiveWindow(), LimitsWindow(), _settings(kept)
        self.first_run: FirstRun | None = None
        self.questions: dict[int, ConfirmWindow] = {}
        self.dress()

    # what they show

    def show(self, view: View) -> None:
        """Show this view, with the next batch."""
        self.view = view
        self.main.render_view(view)
        name = f"{words.mode(view.mode)} · {view.username or _('not logged in')}"
        self.tray.show_state(self.main.tone, colours_for(self._kept.now.theme), name)

    def dress(self) -> None:
        """The colours that were chosen."""
        colours, is_red_up = colours_for(self._kept.now.theme), self._kept.now.is_red_up
        dress(self._app, colours)
        self.main.dress(colours, language.current() == "zh_CN" if is_red_up is None else is_red_up)
        self.show(self.view)

    def retranslate(self) -> None:
        """Everything that is open, in the language of today."""
        qt_words.speak(self._app)
        for part in (self.login, self.main, self.settings, self.live, self.limits, self.tray):
            part.retranslate()
        for question in self.questions.values():
            question.retranslate()
        if self.first_run is not None:
            self.first_run.retranslate()
        self.show(self.view)

    def tell(self, said: Notice | None) -> None:
        """A notice of a class that the person wants to be told of."""
        if said is not None and said.kind in self._kept.now.notices:
            self.tray.tell(f"bn-auto · {self.view.username}", said, has_sound=self._kept.now.has_sound)

    # which of them is there

    def raise_one(self) -> None:
        """The window that is in use, to the front."""
        to_front(self.login if self.view.session_ends_ms is None or self.view.ended is not None else self.main)

    def open_account(self) -> None:
        """Logged in: the login window makes place for the account's, where that was last."""
        self.main.restore(self._kept.of(self.view.account).geometry)
        self.login.hide()
        self.main.show()

    def close_account(self, why: Words, *, is_last: bool) -> None:
        """Logged out: back to the login window with the reason, unless the program ends."""
        self.keep_geometry()
        self.main.hide()
        self.login.say(why)
        if not is_last:
            to_front(self.login)

    def go_to_tray(self) -> bool:
        """Hide the main window where a tray is really shown, and say so once; False where there is none."""
        if not (self._kept.now.is_close_to_tray and self.tray.is_shown):
            return False
        self.main.hide()
        if not self._kept.now.was_told_of_tray:
            self._kept.change(was_told_of_tray=True)
            told = _("bn-auto goes on in the tray. Quit it from the tray's menu.")
            self.tray.tell("bn-auto", Notice("session", told, is_warning=False), has_sound=False)
        return True

    def hide(self) -> None:
        """None of them is there any more."""
        self.tray.hide()
        for window in (self.login, self.main, self.settings, self.live, self.limits, *self.questions.values()):
            window.hide()

    # the question of confirm mode, and the first start

    def ask(self, event: Asked, answered: Callable[[int, bool], None], now_ms: Callable[[], int]) -> None:
        """One more question, over the main window; `now_ms` is this computer's clock."""
        window = ConfirmWindow(event, self.view.mode, lambda: self.view.hub_ms(now_ms()))
        window.answered.connect(answered)
        aside = ASIDE * len(self.questions)
        self.questions[event.order_id] = window
        window.show()
        window.move(self.main.geometry().center() - window.rect().center() + QPoint(aside, aside))
        window.activateWindow()

    def stop_asking(self, order_id: int) -> None:
        """Nobody waits for this answer any more."""
        if order_id in self.questions:
            self.questions.pop(order_id).over()

    def begin_first_run(self, stake: int, lowest: int, highest: int) -> FirstRun:
        """The four steps, in place of the login window."""
        self.first_run = FirstRun(self.login.server.text(), stake, lowest, highest)
        self.first_run.show()
        return self.first_run

    def end_first_run(self, server: str, username: str) -> None:
        """The login window, with what was said in the four steps."""
        self.login.server.setText(server)
        self.login.username.setText(username)
        self.login.say(lambda: "")
        self.login.show()
        if self.first_run is not None:
            self.first_run.closed.disconnect()
            self.first_run.close()
            self.first_run = None

    def keep_geometry(self) -> None:
        """Where the account's window is now, for its next start."""
        if self.main.isVisible():
            self._kept.change_account(self.view.account, geometry=self.main.geometry_text())


def to_front(window: QWidget) -> None:
    """Show it, above the others."""
    window.show()
    window.raise_()
    window.activateWindow()


def _settings(kept: PreferencesFile) -> SettingsWindow:
    autostart = Autostart(own_command(), Path.home())
    window = SettingsWindow(kept.now, starts_with_computer=autostart.is_on)
    window.autostart_wanted.connect(autostart.switch)
    return window
