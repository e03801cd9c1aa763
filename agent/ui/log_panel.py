"""The log of the window: one line an event, made anew in the reader's language.

The invariant: a line is one line, whatever its facts hold.
"""

from collections import deque
from typing import Final

from PyQt6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from agent.language import _
from agent.lines import line
from agent.model.events import ClockChanged, Event
from agent.ui import words
from agent.ui.widgets import Retold
from protocol.text import clean

KEPT: Final = 2_000


class LogPanel(QWidget):
    """`add` an event with its time in ms; `flush` shows what was added, a batch at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._retold = Retold()
        self._events: deque[tuple[int, Event]] = deque(maxlen=KEPT)
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
            self._events.append((now_ms, event))
            self._waiting.append(_line(event, now_ms))

    def flush(self) -> None:
        """Show what has been added."""
        if self._waiting:
            self.text.appendPlainText("\n".join(self._waiting))
            self._waiting.clear()

    def retranslate(self) -> None:
        """All of it in the language of today."""
        self._retold.retranslate()
        self._waiting.clear()
        self.text.setPlainText("\n".join(_line(event, now_ms) for now_ms, event in self._events))


def _line(event: Event, now_ms: int) -> str:
    said, facts = line(event)
    shown = " ".join(f"{name}={clean(value)}" for name, value in facts.items() if value is not None)
    return f"{words.time_of_day(now_ms)}  {said}  {shown}"
