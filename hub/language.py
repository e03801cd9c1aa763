"""The texts in the reader's language: gettext catalogues of the domain "hub".

An installation has them compiled (`.mo`); a checkout may have both, and a `.po` that is newer counts. The invariant:
a missing catalogue, message or language is English, never an error.
"""

import io
import os
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

DOMAIN = "hub"
LOCALE_DIR = Path(__file__).parent / "locale"

VARIABLES = ("HUB_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Where the language is looked for; the first that is set decides, as gettext has it."""


def wanted_language(environment: Mapping[str, str]) -> str:
    """The language tag that the environment asks for, such as `zh_CN`; empty when it asks for none."""
    value = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return value.split(":")[0].partition(".")[0].partition("@")[0].replace("-", "_")


def catalogue_for(language: str) -> Path | None:
    """The catalogue of this language, without its suffix: its own, or a sister's (`zh`, `zh_SG` read `zh_CN`)."""
    found = LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.[pm]o")
    catalogues = {path.parent.parent.name: path.with_suffix("") for path in found}
    if language in catalogues:
        return catalogues[language]
    family = language.partition("_")[0]
    return next((path for name, path in sorted(catalogues.items()) if name.partition("_")[0] == family), None)


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language tag; the empty one (English) where there is none."""
    path = catalogue_for(language)
    if path is None:
        return NullTranslations()
    source, compiled = path.with_suffix(".po"), path.with_suffix(".mo")
    if compiled.exists() and not (source.exists() and source.stat().st_mtime > compiled.stat().st_mtime):
        with compiled.open("rb") as file:
            return GNUTranslations(file)
    return GNUTranslations(_compiled(source))


def _compiled(source: Path) -> io.BytesIO:
    # Imported here: Babel takes longer to import than most commands to run.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return compiled


_ = translations(wanted_language(os.environ)).gettext
