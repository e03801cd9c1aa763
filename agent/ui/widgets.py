"""Small widgets with a name for screen readers, a place in the order of Tab, and words that can change.

The invariants: what shows a text keeps how it is made, and `retranslate` makes it anew; a label shows plain text,
whatever its text looks like.
"""

import html
from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QCloseEvent, QValidator, QWheelEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QDialog,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

Words = Callable[[], str]


class Window(QDialog):
    """A window beside the main one: screen readers call it a dialog, and Esc closes it as its frame does."""

    def __init__(self, more: Qt.WindowType = Qt.WindowType.Window) -> None:
        super().__init__(None, Qt.WindowType.Window | more)

    def reject(self) -> None:
        """Qt: Esc."""
        self.close()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 Qt's name
        """Qt: QDialog's own would ask `reject` again."""
        if event is not None:
            event.accept()


class Amount(QSpinBox):
    """Whole USDT. What is no whole amount within the range stays as typed and, once done, gives back what was before:
    QSpinBox would leave out the point of 5.5 and take 55. The wheel, which also scrolls, changes nothing."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__()
        self.setRange(lowest, highest)
        self.setSuffix(" USDT")
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(False)

    def validate(self, text: str | None, place: int) -> tuple[QValidator.State, str, int]:
        """Qt: whether it may stand there."""
        state, said, at = super().validate(text, place)
        return (QValidator.State.Intermediate if state is QValidator.State.Invalid else state), said, at

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 Qt's name
        """Qt: for what is around it."""
        if event is not None:
            event.ignore()


class Choice(QComboBox):
    """One of some entries. The wheel, which also scrolls, changes nothing."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 Qt's name
        """Qt: for what is around it."""
        if event is not None:
            event.ignore()


class Retold:
    """Texts that are made anew when the language changes."""

    def __init__(self) -> None:
        self._texts: list[tuple[Callable[[str], object], Words]] = []

    def tell(self, where: Callable[[str], object], words: Words) -> None:
        """Put the words there, now and after each change."""
        self._texts.append((where, words))
        where(words())

    def retranslate(self) -> None:
        """Say all of it in the language of today."""
        for where, words in self._texts:
            where(words())

    def button(self, words: Words, name: str = "") -> QPushButton:
        """A button that Tab reaches."""
        button = QPushButton()
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.tell(button.setText, words)
        return button

    def check(self, words: Words) -> QCheckBox:
        """A check box."""
        box = QCheckBox()
        self.tell(box.setText, words)
        return box

    def label(self, words: Words, name: str = "", buddy: QWidget | None = None) -> QLabel:
        """A text that wraps; with a buddy it is that control's name, and a form moves the control below a long one."""
        made = label(name)
        if buddy is not None:
            made.setBuddy(buddy)
            made.setWordWrap(False)
        self.tell(made.setText, words)
        return made


def label(name: str = "") -> QLabel:
    """A text that wraps and that is given later."""
    made = QLabel()
    made.setObjectName(name)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    return made


def tooltip(text: str) -> str:
    """The text as Qt shows it in a tooltip: what looks like markup would be obeyed there."""
    return f"<qt>{html.escape(text)}</qt>" if text else ""


def line() -> QFrame:
    """A rule between two parts."""
    made = QFrame()
    made.setFrameShape(QFrame.Shape.HLine)
    made.setFrameShadow(QFrame.Shadow.Sunken)
    return made


def show_only(shown: QWidget, is_shown: bool, text: str = "") -> None:
    """Show it with this text, or take it out of the layout."""
    if isinstance(shown, QLabel | QAbstractButton):
        shown.setText(text)
    shown.setVisible(is_shown)


def restyle(shown: QWidget, name: str, *, is_on: bool) -> None:
    """Let the style sheet see it; where nothing changes nothing is drawn anew."""
    style = shown.style()
    if shown.property(name) == is_on or style is None:
        return
    shown.setProperty(name, is_on)
    style.unpolish(shown)
    style.polish(shown)
