"""Start with the computer: one file of ours where the system looks for such.

The invariant: only our own file is written and removed; no password is in it.
"""

import os
import shlex
import sys
from pathlib import Path
from xml.sax.saxutils import escape


class Autostart:
    """`command` is what starts the window. Methods raise OSError."""

    def __init__(self, command: list[str], home: Path, platform: str = sys.platform) -> None:
        self._command = command
        self._platform = platform
        self.file = home / _PLACES.get(platform, ".config/autostart/bn-auto.desktop")

    @property
    def is_on(self) -> bool:
        """Whether the computer starts it."""
        return self.file.exists()

    def switch(self, is_on: bool) -> None:
        """From now on, or no more."""
        if not is_on:
            self.file.unlink(missing_ok=True)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        if self._platform == "darwin":
            words = "".join(f"<string>{escape(word)}</string>" for word in self._command)
            return _PLIST.format(words=words)
        if self._platform == "win32":
            return 'start "" ' + " ".join(f'"{word}"' for word in self._command) + "\r\n"
        return f"[Desktop Entry]\nType=Application\nName=bn-auto\nExec={shlex.join(self._command)}\n"


_PLACES = {
    "darwin": "Library/LaunchAgents/bn-auto.plist",
    "win32": "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/bn-auto.cmd",
}
_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Label</key><string>bn-auto</string>
<key>ProgramArguments</key><array>{words}</array><key>RunAtLoad</key><true/></dict></plist>
"""


def own_command() -> list[str]:
    """What starts this program again, for whoever is logged in at the computer."""
    script = Path(sys.executable).with_name("agent" + (".exe" if os.name == "nt" else ""))
    return [str(script)] if script.exists() else [sys.executable, "-m", "agent"]
