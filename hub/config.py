"""Settings: environment (`HUB_…`), `.env`, or `hub.yaml`, in that order of precedence.

Everything else gets its settings handed in; nobody else reads the environment. The invariant: a secret is
either strong or absent here. Absent ones are made once and kept under the data dir, mode 0600.
"""

import contextlib
import os
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from platformdirs import user_data_path
from pydantic import SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from hub.language import _
from hub.store_urls import is_ambiguous, is_database, is_redis
from protocol.settings import N_, setting, some_path, wanted

EMBEDDED_REDIS = "embedded://"
SECRET_BYTES = 32
PUBLISHED_SECRETS = frozenset({"your-secret-key", "admin-secret-token"})
NETWORKS = N_("addresses or networks with commas between them, such as 10.0.0.5,10.0.0.0/8")
ADMIN_TOKEN: Any = setting(
    N_("The bootstrap admin's token; commands send it."),
    takes=N_("at least 32 random bytes"),
    usual=N_("made once, kept in the data directory"),
)


class Settings(BaseSettings):
    """All of the hub's settings. Durations are in the unit that the name ends with."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_",
        env_file=".env",
        yaml_file="hub.yaml",
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = setting(
        N_("Where the hub keeps its database (SQLite), its secrets and its counters."),
        default_factory=lambda: user_data_path("bn-auto-hub"),
        usual=N_("the user's data directory"),
    )
    database_url: str = setting(
        N_("The database. Hubs that share one share orders and users."),
        "",
        takes=N_("sqlite+aiosqlite:///… or mysql+asyncmy://user:password@host/database"),
        usual=N_("hub.db in the data directory"),
        secret=True,
        section="database.mysql",
    )
    redis_url: str = setting(
        N_("Redis 7.0 or newer, or Valkey. embedded:// lives inside the hub's one process."),
        EMBEDDED_REDIS,
        takes=N_("embedded://, redis://:password@host:6379/0, or rediss:// for TLS"),
        secret=True,
        section="database.redis",
    )
    host: str = setting(
        N_("The address to listen at."), "127.0.0.1", takes=N_("an address or the name of a host"), pattern=r"^\S+$"
    )
    port: int = setting(N_("The port to listen at; 0 takes a free one."), 8000, ge=0, le=65535)
    metrics_port: int | None = setting(
        N_("A port of its own for /metrics, at HUB_HOST; then it is at no other."),
        ge=1,
        le=65535,
        takes=N_("a whole number from 1 to 65,535"),
        usual=N_("none: /metrics is at HUB_PORT"),
    )
    metrics_token: SecretStr | None = setting(
        N_("Whoever asks for /metrics sends it as Bearer token."),
        takes=N_("at least 32 random bytes"),
        usual=N_("none: no token is asked for"),
    )
    trusted_proxies: str = setting(
        N_("From these proxies, and from nobody else, X-Forwarded-For is believed, from right to left."),
        "",
        takes=NETWORKS,
        usual=N_("none"),
    )
    jwt_secret: SecretStr | None = setting(
        N_(
            "Signs the tokens of logins; of several the first signs, and all count. "
            "Hubs that share stores need the same."
        ),
        takes=N_("at least 32 random bytes; several with commas between them"),
        usual=N_("made once, kept in the data directory"),
    )
    admin_token: SecretStr | None = ADMIN_TOKEN
    timezone: str = setting(
        N_("The zone of times in the HTTP interface."), "UTC", takes=N_("an IANA name such as Asia/Shanghai")
    )
    claims: Literal["fast", "strict"] = setting(
        N_("Whether the rows of claims are committed right after the frames leave (fast) or before (strict)."), "fast"
    )
    session_hours: float = setting(N_("How long a login lasts."), 24, gt=0, le=24 * 30, unit=N_("hours"))
    heartbeat_s: int = setting(
        N_("How often agents say that they are there; two of it without a word end a session."),
        15,
        ge=1,
        le=300,
        unit=N_("seconds"),
    )
    hello_timeout_s: float = setting(
        N_("How long a new connection may take to say hello."), 10, gt=0, le=60, unit=N_("seconds")
    )
    result_grace_s: float = setting(
        N_("How long after an order's window a result is waited for before its outcome is unknown."),
        30,
        ge=0,
        le=3_600,
        unit=N_("seconds"),
    )
    log_format: Literal["console", "json"] = setting(N_("Lines for people, or JSON for programs."), "console")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        yaml = YamlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, yaml

    @model_validator(mode="before")
    @classmethod
    def _read_database_section(cls, values: Any) -> Any:
        """`database: {mysql: {…}, redis: {…}}`, the shape of hub.yaml, becomes the two URLs."""
        section = values.pop("database", None) if isinstance(values, dict) else None
        if isinstance(section, dict):
            for part, field, url in (("mysql", "database_url", _mysql_url), ("redis", "redis_url", _redis_url)):
                if isinstance(section.get(part), dict):
                    values.setdefault(field, url(section[part]))
        return values

    @field_validator("data_dir", mode="before")
    @classmethod
    def _folder(cls, path: object) -> object:
        """Nothing is not the folder that the program happens to be started in."""
        return some_path(path, _)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(
                _("{name!r} is no time zone; takes an IANA name such as Asia/Shanghai").format(name=name)
            ) from None
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in _parts(text):
            try:
                ip_network(part)
            except ValueError:
                raise wanted(_, NETWORKS) from None
        return text

    @field_validator("database_url")
    @classmethod
    def _usable_database(cls, url: str) -> str:
        if url and not url.startswith("sqlite"):
            _refuse_ambiguous(url)
        if url and not is_database(url):
            raise ValueError(
                _("is no database that the hub can use; takes {what}").format(
                    what="sqlite+aiosqlite:///…, mysql+asyncmy://user:password@host/database"
                )
            )
        return url

    @field_validator("redis_url")
    @classmethod
    def _usable_redis(cls, url: str) -> str:
        _refuse_ambiguous(url)
        if url != EMBEDDED_REDIS and not is_redis(url):
            raise ValueError(
                _("is no address of a Redis; takes {what}").format(
                    what="redis://:password@host:6379/0, rediss://…, embedded://"
                )
            )
        return url

    @field_validator("metrics_token")
    @classmethod
    def _long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(_("takes at least {least} bytes").format(least=SECRET_BYTES))
        return secret

    @field_validator("jwt_secret", "admin_token")
    @classmethod
    def _strong(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is None:
            return None
        value = secret.get_secret_value()
        for one in (_parts(value) or [""]) if info.field_name == "jwt_secret" else [value]:
            if one in PUBLISHED_SECRETS:
                raise ValueError(
                    _("is a word from public examples; leave it out and one is made, or set 32 random bytes")
                )
            if len(one.encode()) < SECRET_BYTES:
                least = _("takes at least {least} bytes; leave it out and one is made")
                raise ValueError(least.format(least=SECRET_BYTES))
        return secret

    @model_validator(mode="after")
    def _default_database(self) -> "Settings":
        if not self.database_url:
            self.database_url = f"sqlite+aiosqlite:///{self.data_dir / 'hub.db'}"
        return self

    @property
    def proxies(self) -> list[str]:
        """The trusted proxies' addresses and networks."""
        return _parts(self.trusted_proxies)

    @property
    def is_redis_embedded(self) -> bool:
        return self.redis_url == EMBEDDED_REDIS

    @property
    def is_database_file(self) -> bool:
        """Whether the database is a file (SQLite), which one program uses at a time."""
        return self.database_url.startswith("sqlite")

    @property
    def effective_claims(self) -> Literal["fast", "strict"]:
        """Strict wherever Redis lives in the process: its claims die with it, and only the rows are left."""
        return "strict" if self.is_redis_embedded else self.claims

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def signing_secrets(self) -> list[str]:
        """The keys of tokens, of which the first signs; one is made and kept when the settings give none."""
        return _parts(self.jwt_secret.get_secret_value()) if self.jwt_secret else [self._kept("jwt_secret")]

    def signing_secret(self) -> str:
        """The key that signs tokens."""
        return self.signing_secrets()[0]

    def bootstrap_token(self) -> str:
        """The admin's bootstrap token; made once and kept when the settings give none."""
        return self.admin_token.get_secret_value() if self.admin_token else self._kept("admin_token")

    def made_token(self) -> str | None:
        """The bootstrap token of a hub that ran here; None where none has made one. Makes nothing."""
        path = self.data_dir / "admin_token"
        return self._kept("admin_token") if path.is_file() else None

    def _kept(self, name: str) -> str:
        path = self.data_dir / name
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make_once(path, secrets.token_urlsafe(SECRET_BYTES))
        secret = path.read_text().strip()
        if len(secret.encode()) < SECRET_BYTES:
            raise ValueError(f"{path} holds no secret of {SECRET_BYTES} bytes; remove it and one is made")
        return secret


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _make_once(path: Path, secret: str) -> None:
    """Writes the file whole or not at all: of processes that start together one wins, and none reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _refuse_ambiguous(url: str) -> None:
    if is_ambiguous(url):
        raise ValueError(
            _("has a sign in its user or password that is written as %XX there, such as %40 for @ and %2F for /")
        )


def _mysql_url(section: dict[str, Any]) -> str:
    user, password = quote(str(section.get("user", "root")), safe=""), quote(str(section.get("password", "")), safe="")
    host, port = section.get("host", "127.0.0.1"), section.get("port", 3306)
    return f"mysql+asyncmy://{user}:{password}@{host}:{port}/{section.get('database', 'bn_auto')}"


def _redis_url(section: dict[str, Any]) -> str:
    password = quote(str(section.get("password") or ""), safe="")
    login = f":{password}@" if password else ""
    host, port, index = section.get("host", "127.0.0.1"), section.get("port", 6379), section.get("db", 0)
    return f"redis://{login}{host}:{port}/{index}"
