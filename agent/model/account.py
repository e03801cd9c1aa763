"""PURE: whose journal it is: one user at one hub.

The invariant: two owners never share a folder nor a device id. The device id depends on the
owner because the hub sends an unacked order again to the same device: if one hub is known here by two addresses,
each has its own journal, and a shared device id would let one order into both.
"""

import hashlib
import re
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """`server` as `normal_server` gives it; `username` as the hub knows it."""

    server: str
    username: str

    @property
    def slug(self) -> str:
        """A folder name that a person recognises and that no two owners share."""
        digest = hashlib.sha256(f"{self.server}\n{self.username}".encode()).hexdigest()[:12]
        return f"{re.sub('[^A-Za-z0-9_-]', '_', self.username)[:40]}-{digest}"

    def folder(self, data_dir: Path) -> Path:
        """Where this owner's journal and paper exchange are."""
        return data_dir / "users" / self.slug

    def device_id(self, installation: uuid.UUID) -> str:
        """What the hub knows this installation by, for this owner."""
        return str(uuid.uuid5(installation, f"{self.server}\n{self.username}"))


def normal_server(url: str) -> str:
    """One spelling of a hub's address. Raises ValueError unless it is http(s)://host[:port][/path]."""
    parts = urlsplit(url.strip())
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an address like http://127.0.0.1:8000")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the hub's address takes no user, password, query or fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}"


def is_loopback(server: str) -> bool:
    """Whether the hub runs on this computer, so that no proxy can be meant."""
    host = urlsplit(server).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
