"""The settings: environment (`AGENT_…`), `.env`, defaults. The command line overrules them.

The invariant: what comes out is typed and checked; secrets are none of it.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent.model.account import is_loopback, normal_server
from agent.model.rules import Rules
from protocol.messages import Increment

Stake = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[Decimal, Field(gt=0, max_digits=4, decimal_places=2)]
Share = Annotated[float, Field(ge=0, le=1)]


def default_data_dir() -> Path:
    """Where this system keeps a program's data."""
    return platformdirs.user_data_path("bn-auto", appauthor=False)


class Settings(BaseSettings):
    """Stakes in USDT; payout ratios are profit per unit of stake; durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="AGENT_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    server_url: str = "http://127.0.0.1:8000"
    driver: Literal["paper", "binance-web"] = "paper"
    data_dir: Path = Field(default_factory=default_data_dir)

    order_amount: Stake = Decimal(5)
    min_order_amount: Stake = Decimal(5)
    max_order_amount: Stake = Decimal(200)
    allowed_symbols: Annotated[frozenset[str], NoDecode] = frozenset({"BTCUSDT", "ETHUSDT"})

    payout_ten_minute: Ratio = Decimal("0.80")
    payout_thirty_minute: Ratio = Decimal("0.85")
    payout_one_hour: Ratio = Decimal("0.85")
    payout_one_day: Ratio = Decimal("0.85")

    paper_seed: int = 0
    paper_speed: float = Field(1.0, gt=0, le=100_000)
    paper_latency_s: float = Field(0.0, ge=0, le=60)
    paper_refusal_rate: Share = 0.0
    paper_ambiguous_rate: Share = 0.0

    paper_market: Literal["simulated", "live"] = "simulated"

    binance_url: str = "https://www.binance.com"
    binance_accounts_url: str = "https://accounts.binance.com"
    price_url: str = "wss://fstream.binance.com"
    proxy: SecretStr | None = None
    """For driver, price stream and browser alike: a session is not used from another address than it was bound from."""

    vault_passphrase_file: Path | None = None
    language: str | None = None
    report_settlement: bool = True

    session_s: int = Field(24 * 3600, ge=1)
    submit_timeout_s: float = Field(60.0, gt=0)
    stop_grace_s: float = Field(10.0, ge=0)

    @field_validator("server_url")
    @classmethod
    def _server(cls, value: str) -> str:
        return normal_server(value)

    @field_validator("data_dir", "vault_passphrase_file")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("binance_url", "binance_accounts_url")
    @classmethod
    def _exchange(cls, value: str) -> str:
        return _address(value, "https", "http")

    @field_validator("price_url")
    @classmethod
    def _price(cls, value: str) -> str:
        return _address(value, "wss", "ws")

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            is_good = parts.scheme in ("http", "socks5") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_good = False
        if not is_good:
            raise ValueError("not an address like http://host:port or socks5://user:password@host:port")
        return value

    @field_validator("allowed_symbols", mode="before")
    @classmethod
    def _symbols(cls, value: object) -> object:
        """`BTCUSDT,ETHUSDT`, as people write it."""
        if not isinstance(value, str):
            return value
        return frozenset(symbol.strip().upper() for symbol in value.split(",") if symbol.strip())

    def limits(self) -> Rules:
        """What the settings bind an order to; the trader's own rules may bind it further."""
        stakes = {"": self.order_amount}
        return Rules(self.min_order_amount, self.max_order_amount, self.allowed_symbols, stakes=stakes)

    def payouts(self) -> dict[Increment, Decimal]:
        """Profit per unit of stake, an increment each."""
        return {
            "TEN_MINUTE": self.payout_ten_minute,
            "THIRTY_MINUTE": self.payout_thirty_minute,
            "ONE_HOUR": self.payout_one_hour,
            "ONE_DAY": self.payout_one_day,
        }


def _address(url: str, safe: str, plain: str) -> str:
    """One spelling of an address without a path's last slash; the plain scheme is for this computer only."""
    parts = urlsplit(url.strip())
    if parts.scheme not in (safe, plain) or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"not an address like {safe}://host")
    if parts.scheme == plain and not is_loopback(url.strip()):
        raise ValueError(f"plain {plain}:// is for this computer only: use {safe}://")
    return url.strip().rstrip("/")
