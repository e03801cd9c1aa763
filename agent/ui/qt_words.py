"""Qt's own words, in the language of today: menus of text fields, the dialog for files, names of small buttons.

The invariant: where Qt has no catalogue of a language it speaks English, and nothing fails.
"""

from PyQt6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

from agent import language


class QtWords:
    """Of one program; `speak` after each change of the language."""

    def __init__(self, app: QCoreApplication) -> None:
        self._app, self._catalogue = app, QTranslator()

    def speak(self) -> None:
        """Take the words of the language of today."""
        self._app.removeTranslator(self._catalogue)
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if self._catalogue.load(f"qtbase_{language.current()}", folder):
            self._app.installTranslator(self._catalogue)
