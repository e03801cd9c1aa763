"""The icon in the system's tray: the state by its shape, the window by a click, notices.

The invariants: it is used only where the system really shows it, so that nothing hides where nobody can find it; no
text that it hands to the system can be taken for markup.
"""

from typing import Final

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from agent.language import _
from agent.ui import shapes
from agent.ui.notices import Notice
from agent.ui.palette import Colours
from agent.ui.sentences import Tone
from protocol.text import clean

SHOWN_MS = 10_000


class Tray(QObject):
    """`opened` by a click, `quit_wanted` and `stop_wanted` from its menu."""

    opened = pyqtSignal()
    quit_wanted = pyqtSignal()
    stop_wanted = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._icon = QSystemTrayIcon()
        self._menu = QMenu()
        self._open = self._menu.addAction("")
        self._stop = self._menu.addAction("")
        self._quit = self._menu.addAction("")
        for action, signal in (
            (self._open, self.opened),
            (self._stop, self.stop_wanted),
            (self._quit, self.quit_wanted),
        ):
            if action is not None:
                action.triggered.connect(signal)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._clicked)
        self._shown: tuple[Tone, str] | None = None
        self.retranslate()

    @property
    def is_shown(self) -> bool:
        """Whether the system has a tray and this icon is in it."""
        return QSystemTrayIcon.isSystemTrayAvailable() and self._icon.isVisible()

    def show_state(self, tone: Tone, colours: Colours, text: str) -> None:
        """The state's shape, and the account's name with its mode as the tooltip."""
        if (tone, text) != self._shown:
            self._shown = (tone, text)
            self._icon.setIcon(shapes.icon(tone, colours.of(tone)))
            self._icon.setToolTip(unmarked(text))
        if not self._icon.isVisible() and QSystemTrayIcon.isSystemTrayAvailable():
            self._icon.show()

    def tell(self, title: str, notice: Notice, *, has_sound: bool) -> None:
        """Show a notice, where the system can."""
        kind = QSystemTrayIcon.MessageIcon.Warning if notice.is_warning else QSystemTrayIcon.MessageIcon.Information
        if self.is_shown and QSystemTrayIcon.supportsMessages():
            self._icon.showMessage(unmarked(title), unmarked(notice.text), kind, SHOWN_MS)
        if has_sound:
            QApplication.beep()

    def retranslate(self) -> None:
        """After a change of the language."""
        texts = (_("Open the window"), _("Stop placing"), _("Quit"))
        for action, text in zip((self._open, self._stop, self._quit), texts, strict=True):
            if action is not None:
                action.setText(text)

    def hide(self) -> None:
        """Take it away."""
        self._icon.hide()

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.opened.emit()


_NO_MARKUP: Final = str.maketrans("<>", "‹›")


def unmarked(text: str) -> str:
    """The text for tooltips and notices, where some systems obey markup and others would show what escapes it."""
    return clean(text).translate(_NO_MARKUP)
