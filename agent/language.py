"""The language of the command line: gettext, domain `agent`, English where a catalogue has no word.

Shells import it. The invariant: a missing or uncompiled catalogue never stops the program.
"""

import gettext
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

LOCALES: Final = Path(__file__).parent / "locale"


def languages(environment: Mapping[str, str]) -> list[str]:
    """What the person wants, best first: AGENT_LANGUAGE, else what the system says."""
    for name in ("AGENT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        wanted = environment.get(name, "").strip()
        if wanted:
            return [wanted, "zh_CN"] if wanted.lower().startswith("zh") else [wanted]
    return []


def translate(environment: Mapping[str, str]) -> Callable[[str], str]:
    """The function that is called `_`."""
    wanted = languages(environment) or ["en"]
    return gettext.translation("agent", LOCALES, wanted, fallback=True).gettext


_ = translate(os.environ)
