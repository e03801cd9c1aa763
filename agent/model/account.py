"""PURE: whose journal it is: one user at one hub.

The invariant: two users never share a folder's name, whatever their names hold.
"""

import hashlib
import re
import uuid
from urllib.parse import urlsplit

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """`server` as `normal_server` gives it; `username` as the hub knows it."""

    server: str
    username: str

    @property
    def slug(self) -> str:
        """The name of this user's folder at any hub: a person recognises it, and no two users share it."""
        return self._slug(self.username)

    @property
    def slug_of_0_1(self) -> str:
        """The name that version 0.1.0 gave the folder of this user at this address."""
        return self._slug(f"{self.server}\n{self.username}")

    def device_id(self, installation: uuid.UUID) -> str:
        """What a hub is to know this installation by. Made once for a journal, which keeps it."""
        return str(uuid.uuid5(installation, f"{self.server}\n{self.username}"))

    def _slug(self, what: str) -> str:
        digest = hashlib.sha256(what.encode()).hexdigest()[:12]
        return f"{re.sub('[^A-Za-z0-9_-]', '_', self.username)[:40]}-{digest}"


class Starts(msgspec.Struct, frozen=True):
    """Random ids: of the journal, of this start of the program, of the one before that a hub knows."""

    journal: str
    start: str
    previous: str | None
    is_known: bool


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
