"""The login window: server, user, password, remember me, language; and why there is no session.

The invariant: the password leaves it in one signal and is cleared then; nothing else holds it.
"""

from collections.abc import Callable

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from agent.language import LANGUAGES, _, current
from agent.ui.widgets import Choice, Retold, Window, label

LENGTHS = (200, 50, 128)
"""The longest address, user name and password."""


class LoginWindow(Window):
    """What the person wants leaves as `login_wanted` (server, user, password, remember) and `language_wanted`."""

    login_wanted = pyqtSignal(str, str, str, bool)
    language_wanted = pyqtSignal(str)
    closed = pyqtSignal()

    def __init__(self, server: str, username: str, is_remembered: bool) -> None:
        super().__init__()
        self._retold = told = Retold()
        self._message: Callable[[], str] = lambda: ""
        self._is_busy = False
        self._fields(server, username)
        self.heading = told.label(lambda: _("Log in to the hub"), "heading")
        self.problem = label("problem")
        self.remember = told.check(lambda: _("Remember the password in the system's keyring"))
        self.remember.setChecked(is_remembered)
        self.enter = told.button(lambda: _("Log in"), "main")
        self.enter.setDefault(True)
        self.enter.clicked.connect(self._want)
        told.tell(self.setWindowTitle, lambda: _("bn-auto: log in"))
        self._arrange()
        self.say(lambda: "")

    def say(self, words: Callable[[], str], *, is_busy: bool = False) -> None:
        """Tell why there is no session, or that one is being asked for."""
        self._message, self._is_busy = words, is_busy
        self.problem.setText(words())
        self.problem.setVisible(bool(words()))
        for control in (self.server, self.username, self.password, self.enter, self.remember):
            control.setEnabled(not is_busy)
        fields = (self.server, self.username, self.password)
        if not is_busy and not any(field.hasFocus() for field in fields):
            (self.password if self.username.text() else self.username).setFocus()

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        self.language.setCurrentIndex(self.language.findData(current()))
        self.problem.setText(self._message())

    def reject(self) -> None:
        """Qt: Esc, which ends no program."""

    def closeEvent(self, event: object) -> None:  # noqa: N802 Qt's name
        """Closing it is the end, unless a session runs."""
        self.closed.emit()

    def _fields(self, server: str, username: str) -> None:
        self.server, self.username, self.password = QLineEdit(server), QLineEdit(username), QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        for field, longest in zip((self.server, self.username, self.password), LENGTHS, strict=True):
            field.setMaxLength(longest)
            field.setMinimumWidth(260)
        self.language = Choice()
        for code, name in LANGUAGES.items():
            self.language.addItem(name, code)
        self.language.setCurrentIndex(self.language.findData(current()))
        self.language.activated.connect(lambda index: self.language_wanted.emit(self.language.itemData(index)))

    def _arrange(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        names: tuple[tuple[Callable[[], str], QWidget], ...] = (
            (lambda: _("Hub's address"), self.server),
            (lambda: _("User name"), self.username),
            (lambda: _("Password"), self.password),
            (lambda: _("Language"), self.language),
        )
        for words, field in names:
            form.addRow(self._retold.label(words, buddy=field), field)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.setContentsMargins(24, 20, 24, 20)
        column.addWidget(self.heading)
        column.addLayout(form)
        column.addWidget(self.remember)
        column.addWidget(self.problem)
        column.addWidget(self.enter)
        column.addStretch()

    def _want(self) -> None:
        if self._is_busy:
            return None
        if not self.username.text().strip() or not self.password.text():
            return self.say(lambda: _("Type user name and password."))
        password = self.password.text()
        self.password.clear()
        self.login_wanted.emit(
            self.server.text().strip(), self.username.text().strip(), password, self.remember.isChecked()
        )
        return None
