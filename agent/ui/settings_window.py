"""The settings of the windows: language, colours, notices, tray, sleep, start with the computer.

The invariant: each change leaves at once as `changed` (name, value); there is nothing to apply.
"""

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGroupBox, QScrollArea, QVBoxLayout, QWidget

from agent.language import LANGUAGES, _, current
from agent.ui.preferences import NoticeClass, Preferences
from agent.ui.widgets import Choice, Retold, Window

Words = Callable[[], str]

NOTICES: Final[dict[NoticeClass, Words]] = {
    "failure": lambda: _("An order is not placed"),
    "unknown": lambda: _("An outcome is unknown"),
    "session": lambda: _("A session ends"),
    "limit": lambda: _("A limit is reached"),
    "lost": lambda: _("The connection is lost, or back"),
    "success": lambda: _("An order is placed"),
}
SWITCHES: Final[dict[str, Words]] = {
    "has_sound": lambda: _("With a sound"),
    "is_close_to_tray": lambda: _("Closing the window keeps the program in the tray"),
    "is_kept_awake": lambda: _("Keep the computer awake while LIVE is on"),
}
THEMES: Final[dict[object, Words]] = {
    "system": lambda: _("as the system"),
    "light": lambda: _("light"),
    "dark": lambda: _("dark"),
}
UPS: Final[dict[object, Words]] = {
    None: lambda: _("by language"),
    True: lambda: _("red is up"),
    False: lambda: _("green is up"),
}


class SettingsWindow(Window):
    """`changed` (name of a preference, value); `autostart_wanted`."""

    changed = pyqtSignal(str, object)
    autostart_wanted = pyqtSignal(bool)

    def __init__(self, preferences: Preferences, *, starts_with_computer: bool) -> None:
        super().__init__()
        self._retold = Retold()
        self._choices: list[tuple[QComboBox, dict[object, Words]]] = []
        self._notices: dict[NoticeClass, QCheckBox] = {}
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        names: dict[object, Words] = {code: (lambda name=name: name) for code, name in LANGUAGES.items()}  # type: ignore[misc]
        self._choice(lambda: _("Language"), "language", names, preferences.language or current())
        self._choice(lambda: _("Colours"), "theme", THEMES, preferences.theme)
        self._choice(lambda: _("Profit and loss"), "is_red_up", UPS, preferences.is_red_up)
        self.autostart = self._retold.check(lambda: _("Start with the computer"))
        self.autostart.setChecked(starts_with_computer)
        self.autostart.toggled.connect(self.autostart_wanted)
        self.close_button = self._retold.button(lambda: _("Close"), "main")
        self.close_button.clicked.connect(self.close)
        self._arrange(preferences)
        self._retold.tell(self.setWindowTitle, lambda: _("Settings"))
        self.resize(480, 500)

    def retranslate(self) -> None:
        """After a change of the language."""
        self._retold.retranslate()
        for box, texts in self._choices:
            for place, words in enumerate(texts.values()):
                box.setItemText(place, words())
        language = self._choices[0][0]
        language.setCurrentIndex(language.findData(current()))

    def _choice(self, title: Words, name: str, texts: dict[object, Words], chosen: object) -> None:
        box = Choice()
        for value, words in texts.items():
            box.addItem(words(), value)
        box.setCurrentIndex(max(0, list(texts).index(chosen) if chosen in texts else 0))
        box.activated.connect(lambda place: self.changed.emit(name, list(texts)[place]))
        self._choices.append((box, texts))
        self._form.addRow(self._retold.label(title, buddy=box), box)

    def _arrange(self, preferences: Preferences) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addLayout(self._form)
        told = QGroupBox()
        self._retold.tell(told.setTitle, lambda: _("Tell me when"))
        boxes = QVBoxLayout(told)
        for kind, words in NOTICES.items():
            box = self._retold.check(words)
            box.setChecked(kind in preferences.notices)
            box.toggled.connect(self._notices_changed)
            boxes.addWidget(box)
            self._notices[kind] = box
        column.addWidget(told)
        for name, words in SWITCHES.items():
            box = self._retold.check(words)
            box.setChecked(bool(getattr(preferences, name)))
            box.toggled.connect(lambda is_on, name=name: self.changed.emit(name, is_on))
            column.addWidget(box)
        column.addWidget(self.autostart)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        whole = QVBoxLayout(self)
        whole.addWidget(area, 1)
        whole.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight)

    def _notices_changed(self) -> None:
        self.changed.emit("notices", frozenset(kind for kind, box in self._notices.items() if box.isChecked()))
