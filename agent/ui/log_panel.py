"""The log of the window: one line an event, made anew in the reader's language.

The invariant: a line is one line, whatever its facts hold.
"""

from collections import deque
from functools import partial
from typing import Final

from PyQt6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from agent.language import _
from agent.model.events import ClockChanged, Event
from agent.ui import log_words, words
from agent.ui.widgets import Retold, Words
from protocol.text import clean

KEPT: Final = 2_000


class LogPanel(QWidget):
    """`add` an event with its time in ms; `flush` shows what was added, a batch at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._retold = Retold()
        self._said: deque[tuple[int, Words]] = deque(maxlen=KEPT)
        self._waiting: list[str] = []
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setMaximumBlockCount(KEPT)
        self._retold.tell(self.text.setAccessibleName, lambda: _("Log"))
        self._retold.tell(self.text.setPlaceholderText, lambda: _("Nothing has happened yet."))
        QVBoxLayout(self).addWidget(self.text)

    def add(self, event: Event, now_ms: int) -> None:
        """One more event; each heartbeat's clock is no news."""
        if not isinstance(event, ClockChanged):
            self.note(partial(log_words.said, event), now_ms)

    def note(self, said: Words, now_ms: int) -> None:
        """One more line, of what is no event."""
        self._said.append((now_ms, said))
        self._waiting.append(_line(said, now_ms))

    def flush(self) -> None:
        """Show what has been added."""
        if self._waiting:
            self.text.appendPlainText("\n".join(self._waiting))
            self._waiting.clear()

    def retranslate(self) -> None:
        """All of it in the language of today."""
        self._retold.retranslate()
        self._waiting.clear()
        self.text.setPlainText("\n".join(_line(said, now_ms) for now_ms, said in self._said))


def _line(said: Words, now_ms: int) -> str:
    return f"{words.time_of_day(now_ms)}  {clean(said())}"
