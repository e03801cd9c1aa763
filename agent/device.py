"""This installation's UUID, made once and kept in the data directory (mode 0600).

The invariant: two processes that start at once end up with the same UUID.
"""

import os
import uuid
from pathlib import Path

FILE_NAME = "device"


def installation_id(data_dir: Path) -> uuid.UUID:
    """The kept UUID. Raises OSError if the directory cannot be used, ValueError if the file is damaged."""
    path = data_dir / FILE_NAME
    if not path.exists():
        _make(path)
    try:
        return uuid.UUID(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise ValueError(f"{path} does not hold a device id; delete it to get a new one") from None


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = path.with_name(f".{FILE_NAME}.{uuid.uuid4().hex}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{uuid.uuid4()}\n")
    try:
        os.link(mine, path)  # whole or not at all; who comes second keeps the first one's
    except FileExistsError:
        return
    finally:
        mine.unlink()
