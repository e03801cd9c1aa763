"""Which hub the command line talks to, and with what token. Imported by the commands through `client`.

Saved logins live in one file, mode 0600, a token for each hub's address. The invariant: a token is only ever
sent to the hub it was made for (or to the one named beside it in the environment).
"""

import ipaddress
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from platformdirs import user_config_path
from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typer._click.globals import get_current_context

from hub.cli.errors import Misused
from hub.config import ADMIN_TOKEN, Settings
from hub.language import _
from protocol.settings import LANGUAGES, N_, Program, WrongSettings, read, setting, spoken

S = TypeVar("S", bound=BaseSettings)

ADDRESS: Final = N_("http:// or https://, for example http://127.0.0.1:8000")


class Access(BaseSettings):
    """Environment or `.env`."""

    model_config = SettingsConfigDict(env_prefix="HUB_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    url: str = setting(
        N_("The hub that commands talk to."),
        "http://127.0.0.1:8000",
        takes=ADDRESS,
    )
    timeout: float = setting(N_("How long one request of a command may take."), 10, gt=0, le=600, unit=N_("seconds"))
    language: str | None = setting(
        N_("The language of the command line; from the environment only."),
        takes=LANGUAGES,
        usual=N_("the system's"),
    )
    insecure_http: bool = setting(
        N_("Whether commands may use plain http to another machine: the token can then be read on the way."), False
    )
    admin_token: SecretStr | None = ADMIN_TOKEN

    @field_validator("language")
    @classmethod
    def _spoken(cls, language: str | None) -> str | None:
        return spoken(language, _)

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        url = url.strip().rstrip("/")
        if not _is_address(url):
            raise ValueError(_("is no address of a hub; takes {what}").format(what=_(ADDRESS)))
        return url


def _is_address(url: str) -> bool:
    """Whether it is `http(s)://host[:port][/path]`; who logs in is not said in it."""
    try:
        parts = urlsplit(url)
        is_host = bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:  # a port out of range, half an IPv6 address, a host that no name server can be asked for
        return False
    rest = (parts.username, parts.query or None, parts.fragment or None)
    return is_host and parts.scheme in ("http", "https") and rest == (None, None, None) and url.split() == [url]


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


PROGRAM: Final = Program(
    prefix="HUB_",
    file="hub.yaml",
    kinds=(Settings, Access),
    text=_,
    sections={
        "database": {
            "mysql": {"host": str, "port": int, "user": str, "password": str, "database": str},
            "redis": {"host": str, "port": int, "password": str, "db": int},
        }
    },
    internal=frozenset({"HUB_PROCESS_FAMILY"}),
)


def load_settings() -> Settings:
    """The hub's own settings. Raises Misused, with a sentence for each that is wrong; never a secret."""
    return _read(Settings)


def access() -> Access:
    """The settings of commands. Raises Misused, as `load_settings` does."""
    context = get_current_context(silent=True)
    is_said = context is not None and context.find_root().params.get("insecure_http")
    return _read(Access, {"insecure_http": True} if is_said else {})


def safe_access() -> Access:
    """The same for a command that sends a token or a password. Raises Misused where others could read it."""
    settings = access()
    if settings.url.startswith("http://") and not is_local(settings.url) and not settings.insecure_http:
        raise Misused(
            _("Plain http to another machine can be read on the way: {url}.").format(url=settings.url),
            _("Use https, or say `hub --insecure-http …`."),
        )
    return settings


def _read(kind: type[S], flags: Mapping[str, object] = MappingProxyType({})) -> S:
    try:
        return read(PROGRAM, kind, flags)
    except WrongSettings as error:
        first, *more = error.faults
        raise Misused(first, _("What each takes is in hub/docs/settings.md."), more) from None


def token_for_commands() -> str:
    """HUB_ADMIN_TOKEN, or the saved login, or the token that a hub on this machine keeps. Raises Misused."""
    settings = safe_access()
    if settings.admin_token:
        return _sendable(settings.admin_token.get_secret_value())
    if login := saved_logins().get(settings.url):
        return login.token
    # Read, never made: a token that no hub of this machine made opens nothing, and whatever listens would get it.
    if is_local(settings.url) and (token := load_settings().made_token()):
        return token
    raise Misused(
        _("There is no login for {url}.").format(url=settings.url),
        _("Run `hub login`, or set HUB_ADMIN_TOKEN."),
    )


def which_token() -> str:
    """Where two could have been sent, which one was; else empty."""
    settings = access()
    login = saved_logins().get(settings.url)
    if settings.admin_token and login:
        return _("HUB_ADMIN_TOKEN was sent, not the saved login of {user}.").format(user=login.username)
    return ""


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
