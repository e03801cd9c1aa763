"""The language of shells and windows: gettext, domain `agent`, English where a catalogue has no word.

The invariants: a missing or uncompiled catalogue never stops the program; a sentence made after `switch` is in the new
language, so nothing that is shown may be made when a module is imported.
"""

import gettext
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

LOCALES: Final = Path(__file__).parent / "locale"
LANGUAGES: Final = {"en": "English", "zh_CN": "简体中文"}
"""What there are catalogues for, each by its own name."""


def languages(environment: Mapping[str, str]) -> list[str]:
    """What the person wants, best first: AGENT_LANGUAGE, else what the system says."""
    for name in ("AGENT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        wanted = environment.get(name, "").strip()
        if wanted:
            return [wanted, "zh_CN"] if wanted.lower().startswith("zh") else [wanted]
    return []


def first_of(environment: Mapping[str, str]) -> str:
    """The one of `LANGUAGES` that the environment asks for."""
    return "zh_CN" if "zh_CN" in languages(environment) else "en"


def translate(environment: Mapping[str, str]) -> Callable[[str], str]:
    """The function that is called `_`, for one language."""
    wanted = languages(environment) or ["en"]
    return gettext.translation("agent", LOCALES, wanted, fallback=True).gettext


class _Language:
    """The language of this program, which a person may change while it runs."""

    def __init__(self) -> None:
        self.name = first_of(os.environ)
        self._gettext = translate(os.environ)

    def switch(self, name: str) -> None:
        self.name = name
        self._gettext = translate({"AGENT_LANGUAGE": name})

    def text(self, message: str) -> str:
        return self._gettext(message) if message else ""


_language: Final = _Language()


def switch(name: str) -> None:
    """Speak another of `LANGUAGES` from now on."""
    _language.switch(name)


def current() -> str:
    """The one of `LANGUAGES` that is spoken."""
    return _language.name


_ = _language.text
