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
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

EMBEDDED_REDIS = "embedded://"
SECRET_BYTES = 32
PUBLISHED_SECRETS = frozenset({"your-secret-key", "admin-secret-token"})


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

    data_dir: Path = Field(default_factory=lambda: user_data_path("bn-auto-hub"))
    database_url: str = ""
    redis_url: str = EMBEDDED_REDIS
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks of proxies, with commas between them: from these, and from nobody else, "
        "X-Forwarded-For is believed, from right to left.",
    )
    jwt_secret: SecretStr | None = None
    admin_token: SecretStr | None = None
    timezone: str = "UTC"
    claims: Literal["fast", "strict"] = "fast"
    session_hours: float = Field(default=24, gt=0, le=24 * 30)
    heartbeat_s: int = Field(default=15, ge=1, le=300)
    hello_timeout_s: float = Field(default=10, gt=0, le=60)
    result_grace_s: float = Field(default=30, ge=0, le=3_600)
    log_format: Literal["console", "json"] = "console"

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
            if mysql := section.get("mysql"):
                values.setdefault("database_url", _mysql_url(mysql))
            if redis := section.get("redis"):
                values.setdefault("redis_url", _redis_url(redis))
        return values

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"{name!r} is no time zone; takes an IANA name such as Asia/Shanghai") from None
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in _parts(text):
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(f"{part!r} is no address and no network; takes such as 10.0.0.5, 10.0.0.0/8") from None
        return text

    @field_validator("jwt_secret", "admin_token")
    @classmethod
    def _strong(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        value = secret.get_secret_value()
        if value in PUBLISHED_SECRETS:
            raise ValueError("is a word from public examples; leave it out and one is made, or set 32 random bytes")
        if len(value.encode()) < SECRET_BYTES:
            raise ValueError(f"takes at least {SECRET_BYTES} bytes; leave it out and one is made")
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

    def signing_secret(self) -> str:
        """The key that signs tokens; made once and kept when the settings give none."""
        return self.jwt_secret.get_secret_value() if self.jwt_secret else self._kept("jwt_secret")

    def bootstrap_token(self) -> str:
        """The admin's bootstrap token; made once and kept when the settings give none."""
        return self.admin_token.get_secret_value() if self.admin_token else self._kept("admin_token")

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


def _mysql_url(section: dict[str, Any]) -> str:
    user, password = quote(str(section.get("user", "root")), safe=""), quote(str(section.get("password", "")), safe="")
    host, port = section.get("host", "127.0.0.1"), section.get("port", 3306)
    return f"mysql+asyncmy://{user}:{password}@{host}:{port}/{section.get('database', 'bn_auto')}"


def _redis_url(section: dict[str, Any]) -> str:
    password = quote(str(section.get("password") or ""), safe="")
    login = f":{password}@" if password else ""
    host, port, index = section.get("host", "127.0.0.1"), section.get("port", 6379), section.get("db", 0)
    return f"redis://{login}{host}:{port}/{index}"
