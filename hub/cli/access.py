"""Which hub the command line talks to, and with what token. Imported by the commands through `client`.

Saved logins live in one file, mode 0600, a token for each hub's address. The invariant: a token is only ever
sent to the hub it was made for (or to the one named beside it in the environment).
"""

import ipaddress
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from platformdirs import user_config_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.cli.errors import Misused
from hub.language import _


class Access(BaseSettings):
    """Environment or `.env`. `timeout` is the seconds that one request may take."""

    model_config = SettingsConfigDict(env_prefix="HUB_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    url: str = "http://127.0.0.1:8000"
    admin_token: SecretStr | None = None
    timeout: float = Field(default=10, gt=0, le=600)


class SavedLogin(msgspec.Struct, frozen=True):
    """The token of a login at one hub."""

    username: str
    token: str


class SavedLogins:
    """The file of saved logins."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, url: str) -> SavedLogin | None:
        return self._read().get(url)

    def put(self, url: str, login: SavedLogin) -> None:
        self._write({**self._read(), url: login})

    def remove(self, url: str) -> None:
        logins = self._read()
        if logins.pop(url, None):
            self._write(logins)

    def _read(self) -> dict[str, SavedLogin]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, SavedLogin])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise Misused(
                _("The saved logins in {path} can't be read: {why}").format(path=self._path, why=type(error).__name__),
                _("Delete that file and run `hub login` again."),
            ) from None

    def _write(self, logins: dict[str, SavedLogin]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes it 0600, and the rename swaps it in whole: nobody ever reads half a file.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(logins))
        Path(name).replace(self._path)


def saved_logins() -> SavedLogins:
    return SavedLogins(user_config_path("bn-auto") / "logins.json")


def access() -> Access:
    """The settings. Raises Misused, naming the setting, never its value."""
    try:
        settings = Access()
    except ValidationError as error:
        first = error.errors()[0]
        name = "HUB_" + "_".join(str(part) for part in first["loc"]).upper()
        raise Misused(f"{name}: {first['msg']}") from None
    settings.url = settings.url.strip().rstrip("/")
    parts = urlsplit(settings.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misused(
            _("HUB_URL is no address of a hub."),
            _("It takes http:// or https://, for example http://127.0.0.1:8000."),
        )
    return settings


def token_for_commands() -> str:
    """HUB_ADMIN_TOKEN, or the saved login, or the token that a hub on this machine keeps. Raises Misused."""
    settings = access()
    if settings.admin_token:
        return _sendable(settings.admin_token.get_secret_value())
    if login := saved_logins().get(settings.url):
        return login.token
    if is_local(settings.url):
        from hub.cli.server import load_settings

        return load_settings().bootstrap_token()
    raise Misused(
        _("There is no login for {url}.").format(url=settings.url),
        _("Run `hub login`, or set HUB_ADMIN_TOKEN."),
    )


def is_local(url: str) -> bool:
    """Whether the address is this machine's loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sendable(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise Misused(_("HUB_ADMIN_TOKEN holds signs that can't be sent."), _("Set it to the token and nothing else."))
    return token
