"""The files of a hub on this machine, its own user's alone: secrets, counters, locks, a database of SQLite."""

from pathlib import Path
from typing import Final

from hub.config import Settings

_KEPT: Final = ("jwt_secret", "admin_token", "hub.lock")
_BESIDE_THE_DATABASE: Final = ("", "-wal", "-shm", "-journal", ".lock")


def own_files(settings: Settings) -> list[Path]:
    """The data directory and what the hub keeps in it, by name: it may be a directory that holds other things too."""
    folder = settings.data_dir
    kept = [folder / name for name in _KEPT] + sorted(folder.glob("metrics-*"))
    return [folder, *kept, *_database_files(settings)]


def _database_files(settings: Settings) -> list[Path]:
    if not settings.is_database_file:
        return []
    path = settings.database_url.partition(":///")[2].partition("?")[0]
    return [Path(path + end) for end in _BESIDE_THE_DATABASE] if path and path != ":memory:" else []
