"""The hub's ASGI application in a thread, under a uvicorn that the test configures: what stands beside `hub serve`.

For the plain path (a server that lends no wire) and for TLS. The invariant: the application is the very one that
`hub.app.build` makes; only the server around it differs.
"""

import asyncio
import datetime
import ipaddress
import secrets
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.app import build
from hub.config import Settings
from hub.store.migrations import migrate
from tests.services.waiting import wait_until

GRACE_S = 1


@dataclass(frozen=True)
class Certificate:
    """A key and a certificate for 127.0.0.1 that only those trust who are given it."""

    file: Path
    key_file: Path

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def make_certificate(directory: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(directory / "cert.pem", directory / "key.pem")
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


class ThreadHub:
    """A hub on SQLite and the Redis inside it."""

    def __init__(self, directory: Path, ws: Any, certificate: Certificate | None = None, heartbeat_s: int = 15) -> None:
        self.admin_token = secrets.token_hex(32)
        self.database_url = f"sqlite+aiosqlite:///{directory}/hub.db"
        settings = Settings(
            data_dir=directory,
            database_url=self.database_url,
            redis_url="embedded://",
            admin_token=self.admin_token,  # type: ignore[arg-type]
            jwt_secret=secrets.token_hex(32),  # type: ignore[arg-type]
            heartbeat_s=heartbeat_s,
            _env_file=None,  # type: ignore[call-arg]
        )
        migrate(self.database_url)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(_config(build(settings), ws, certificate))
        self._thread = threading.Thread(target=self._run, name="hub")
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> "ThreadHub":
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), "the hub has started")
        assert self._server.started
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.should_exit = True
        self._thread.join(GRACE_S + 10)
        assert not self._thread.is_alive(), "the hub ends when it is told to"

    def tasks(self, name: str) -> int:
        """How many tasks of its loop run this coroutine function."""
        assert self._loop is not None
        return sum(name in str(task.get_coro()) for task in asyncio.all_tasks(self._loop))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            self._loop = runner.get_loop()
            runner.run(self._server.serve([self._socket]))


def _config(app: Any, ws: Any, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=ws,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=certificate.file if certificate else None,
        ssl_keyfile=certificate.key_file if certificate else None,
    )
