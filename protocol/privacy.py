"""Files that are their owner's alone: new ones from the start, older ones that others can read by closing them.

The invariant: what cannot be closed, and a directory that everybody shares, is refused and not worked with. Windows has
no such modes; there nothing is looked at.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

OTHERS: Final = 0o077
"""What group and others may do with a file; a new one allows none of it."""


class OpenToOthers(Exception):
    """A path that others can read and that could not be closed to them; `why` in the system's words."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


def keep_new_files_private() -> None:
    """For this process and those that it starts."""
    os.umask(OTHERS)


def open_to_others(paths: Iterable[Path]) -> list[Path]:
    """Those that somebody else may read, write or enter. What does not exist, or cannot be looked at, is not among
    them."""
    return [path for path in paths if _mode(path) & OTHERS]


def close_to_others(paths: Iterable[Path]) -> list[Path]:
    """Closes them; those that were open. Raises OpenToOthers."""
    closed = []
    for path in open_to_others(paths):
        mode = _mode(path)
        if mode & stat.S_ISVTX:
            raise OpenToOthers(path, "a directory that everybody shares")
        try:
            path.chmod(mode & ~OTHERS)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OpenToOthers(path, error.strerror or type(error).__name__) from None
        if _mode(path) & OTHERS:
            raise OpenToOthers(path, "this file system keeps no modes")
        closed.append(path)
    return closed


def _mode(path: Path) -> int:
    if os.name == "nt":
        return 0
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
