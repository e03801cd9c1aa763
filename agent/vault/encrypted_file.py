"""Secrets in one file, encrypted as a whole with a key that scrypt makes of a passphrase (ChaCha20-Poly1305).

The invariants: the file is mode 0600, replaced whole and fsynced; a change under way in another process is waited for;
a wrong passphrase and a file that was tampered with are told, never overwritten.
"""

import base64
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent.language import _
from agent.vault.base import Kind, VaultUnavailable

AskPassphrase = Callable[[bool], str]
"""Gets the passphrase; True where it will be that of a new file, so that a person is asked twice."""

COST: Final = 2**17
"""scrypt's n, with r=8 and p=1: 128 MiB and a third of a second, as OWASP advises (2026)."""

LOCK_TIMEOUT_S: Final = 10.0
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12


class _Sealed(msgspec.Struct, frozen=True):
    """The file. The bounds keep a damaged one from taking the computer's memory."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    n: Annotated[int, msgspec.Meta(ge=2**10, le=2**20)]
    salt: Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=64)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    ciphertext: bytes

    @property
    def header(self) -> bytes:
        """What is authenticated besides the ciphertext."""
        return _header(self.n, self.salt)


class FileVault:
    """One file for all accounts of a data directory."""

    def __init__(self, path: Path, ask: AskPassphrase | None, cost: int = COST) -> None:
        self._path = path
        self._ask = ask
        self._new = cost, secrets.token_bytes(SALT_BYTES)
        """scrypt's n and salt of a file that does not exist yet."""
        self._typed: str | None = None
        """The passphrase, once it was got: another process may make the file anew, with a salt of its own."""
        self._key: tuple[bytes, ChaCha20Poly1305] | None = None
        """The header that it was made for, and the key."""

    @property
    def place(self) -> str:
        return _("encrypted in {}").format(self._path)

    @property
    def exists(self) -> bool:
        return self._path.exists()

    @property
    def may_ask(self) -> bool:
        """Whether there is a way to get a passphrase."""
        return self._ask is not None

    def unlock(self) -> None:
        """Get the key before the lock: nobody else has to wait while a person types."""
        with _told(self._path):
            if self.exists:
                self._read()
            else:
                self._cipher(*self._new)

    def get(self, account_key: str, kind: Kind) -> str | None:
        if not self.exists:
            return None
        with _told(self._path):
            return self._read().get(_entry(account_key, kind))

    def put(self, account_key: str, kind: Kind, secret: str) -> None:
        self.unlock()
        with _told(self._path), self._locked():
            self._write({**self._read(), _entry(account_key, kind): secret})

    def drop(self, account_key: str, kind: Kind) -> None:
        if not self.exists:
            return
        self.unlock()
        with _told(self._path), self._locked():
            kept = self._read()
            if kept.pop(_entry(account_key, kind), None) is not None:
                self._write(kept)

    def _read(self) -> dict[str, str]:
        if not self.exists:
            return {}
        sealed = msgspec.json.decode(self._path.read_bytes(), type=_Sealed)
        try:
            plain = self._cipher(sealed.n, sealed.salt).decrypt(sealed.nonce, sealed.ciphertext, sealed.header)
        except InvalidTag:
            self._key = self._typed = None
            raise VaultUnavailable(_("the passphrase does not open {}").format(self._path)) from None
        return msgspec.json.decode(plain, type=dict[str, str])

    def _write(self, kept: dict[str, str]) -> None:
        n, salt = self._header_of_file() if self.exists else self._new
        cipher, nonce = self._cipher(n, salt), secrets.token_bytes(NONCE_BYTES)
        ciphertext = cipher.encrypt(nonce, msgspec.json.encode(kept), _header(n, salt))
        _replace(self._path, msgspec.json.encode(_Sealed(1, n, salt, nonce, ciphertext)))

    def _header_of_file(self) -> tuple[int, bytes]:
        sealed = msgspec.json.decode(self._path.read_bytes(), type=_Sealed)
        return sealed.n, sealed.salt

    def _cipher(self, n: int, salt: bytes) -> ChaCha20Poly1305:
        header = _header(n, salt)
        if self._key is None or self._key[0] != header:
            key = Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(self._passphrase().encode())
            self._key = header, ChaCha20Poly1305(key)
        return self._key[1]

    def _passphrase(self) -> str:
        if self._typed is not None:
            return self._typed
        if self._ask is None:
            raise VaultUnavailable(_("{} wants a passphrase: set AGENT_VAULT_PASSPHRASE_FILE").format(self._path))
        passphrase = self._ask(not self.exists)
        if not passphrase:
            raise VaultUnavailable(_("the passphrase is empty"))
        self._typed = passphrase
        return passphrase

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """SQLite's own lock on an empty file: works on every system, and a dead process holds it no longer."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._path.with_name(f"{self._path.name}.lock")
        with closing(sqlite3.connect(lock, isolation_level=None, timeout=LOCK_TIMEOUT_S)) as held:
            held.execute("BEGIN EXCLUSIVE")
            yield


def _entry(account_key: str, kind: Kind) -> str:
    return f"{account_key} {kind}"


def _header(n: int, salt: bytes) -> bytes:
    return f"bn-auto vault 1 scrypt {n} 8 1 {base64.b64encode(salt).decode()}".encode()


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the power fails."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no folders, and keeps its names in a journal
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VaultUnavailable(f"{path}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise VaultUnavailable(f"{path}: {error}") from None
    except msgspec.MsgspecError:
        raise VaultUnavailable(_("{} is damaged").format(path)) from None
