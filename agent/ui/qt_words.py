"""Qt's own words, in the language of today: menus of text fields, the dialog for files, names of small buttons.

The invariants: a program has one catalogue of them; where Qt has none for a language it speaks English, and nothing
fails.
"""

from typing import Final

from PyQt6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

from agent import language

NAME: Final = "qt's own words"


def speak(app: QCoreApplication) -> None:
    """Let Qt take the words of the language of today."""
    catalogue = app.findChild(QTranslator, NAME)
    if catalogue is None:
        catalogue = QTranslator(app)
        catalogue.setObjectName(NAME)
    app.removeTranslator(catalogue)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if catalogue.load(f"qtbase_{language.current()}", folder):
        app.installTranslator(catalogue)
