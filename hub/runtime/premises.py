"""What a hub needs of its machine before it starts: an address to listen at, directories to write.

Each question answers with why not, in the reader's language, or None where all is well; asking changes nothing but
makes a directory that is missing.
"""

import errno
import os
import socket
import tempfile
from pathlib import Path

from hub.language import _


def why_not_listen(host: str, port: int) -> str | None:
    """Why nobody can listen there; uvicorn would find out only after all else has been started."""
    try:
        family, kind, _proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name != "nt":  # as uvicorn does; on Windows it would let two listen at one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return _("{host} is no address that is known here.").format(host=host)
    except OSError as error:
        return _why_not_bound(error, host, port)
    return None


def _why_not_bound(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        taken = _("Port {port} at {host} is taken by another program: end it, or take another port with --port.")
        return taken.format(host=host, port=port)
    if error.errno == errno.EADDRNOTAVAIL:
        return _("{host} is no address of this machine: take one of its own, or 0.0.0.0 for all.").format(host=host)
    return _("Nobody can listen at {host}, port {port}: {why}.").format(host=host, port=port, why=error.strerror)


def why_not_write(folder: Path) -> str | None:
    """Why nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _("{folder} cannot be written: {why}. Give the hub a directory of its own with HUB_DATA_DIR.").format(
            folder=folder, why=why
        )
