"""The settings: environment (`AGENT_…`), `.env`, `agent.yaml`, defaults. The command line overrules them.

The invariant: what comes out is typed and checked; secrets are none of it.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from agent.language import _
from agent.model.account import is_loopback, normal_server
from agent.model.rules import Rules
from protocol.messages import Increment
from protocol.settings import LANGUAGES, N_, Program, setting, some_path, spoken, wanted

ADDRESS: Final = N_("http:// or https://, a host and a port")
SYMBOLS: Final = N_("symbols with commas between them, such as BTCUSDT,ETHUSDT")
SYMBOL: Final = re.compile("[A-Z0-9]{5,20}")
Stake = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[Decimal, Field(gt=0, max_digits=4, decimal_places=2)]
Share = Annotated[float, Field(ge=0, le=1)]


def default_data_dir() -> Path:
    """Where this system keeps a program's data."""
    return platformdirs.user_data_path("bn-auto", appauthor=False)


class Settings(BaseSettings):
    """Stakes in USDT; payout ratios are profit per unit of stake; durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="AGENT_",
        env_file=".env",
        yaml_file="agent.yaml",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    server_url: str = setting(N_("The hub to take orders from."), "http://127.0.0.1:8000", takes=ADDRESS)
    insecure_http: bool = setting(
        N_("Whether plain http may reach another machine: passwords and orders can then be read on the way."), False
    )
    driver: Literal["paper", "binance-web"] = setting(N_("Where orders are placed."), "paper")
    data_dir: Path = setting(
        N_("Where journals, limits and the device's id are kept."),
        default_factory=default_data_dir,
        usual=N_("the user's data directory"),
    )

    order_amount: Stake = setting(N_("The stake of an order."), Decimal(5), unit="USDT")
    min_order_amount: Stake = setting(N_("The least stake that is placed."), Decimal(5), unit="USDT")
    max_order_amount: Stake = setting(N_("The largest stake that is placed."), Decimal(200), unit="USDT")
    allowed_symbols: Annotated[frozenset[str], NoDecode] = setting(
        N_("The symbols that are placed; orders for others are rejected."),
        frozenset({"BTCUSDT", "ETHUSDT"}),
        takes=SYMBOLS,
    )

    payout_ten_minute: Ratio = setting(N_("Payout ratio of TEN_MINUTE: profit per unit of stake."), Decimal("0.80"))
    payout_thirty_minute: Ratio = setting(N_("The same of THIRTY_MINUTE."), Decimal("0.85"))
    payout_one_hour: Ratio = setting(N_("The same of ONE_HOUR."), Decimal("0.85"))
    payout_one_day: Ratio = setting(N_("The same of ONE_DAY."), Decimal("0.85"))

    paper_seed: int = setting(N_("The paper exchange's luck: the same seed, the same results."), 0)
    paper_speed: float = setting(N_("Divides the time until paper positions settle."), 1.0, gt=0, le=100_000)
    paper_latency_s: float = setting(
        N_("How long the paper exchange takes to answer."), 0.0, ge=0, le=60, unit=N_("seconds")
    )
    paper_refusal_rate: Share = setting(N_("The share of orders that the paper exchange refuses."), 0.0)
    paper_ambiguous_rate: Share = setting(N_("The share of orders that the paper exchange does not answer."), 0.0)
    paper_market: Literal["simulated", "live"] = setting(
        N_("Where paper prices come from: chance, or the market's index."), "simulated"
    )

    binance_url: str = setting(N_("The exchange."), "https://www.binance.com", takes=N_("https://host"))
    binance_accounts_url: str = setting(
        N_("The exchange's login pages."), "https://accounts.binance.com", takes=N_("https://host")
    )
    price_url: str = setting(N_("The stream of index prices."), "wss://fstream.binance.com", takes=N_("wss://host"))
    proxy: SecretStr | None = setting(
        N_("The way to the exchange, for driver, price stream and browser alike."),
        takes=N_("http://host:port or socks5://user:password@host:port"),
        usual=N_("none"),
    )

    vault_passphrase_file: Path | None = setting(
        N_("A file with the vault's passphrase, where the system has no keyring."), usual=N_("none")
    )
    language: str | None = setting(
        N_("The language of terminal and windows."), takes=LANGUAGES, usual=N_("the system's")
    )
    report_settlement: bool = setting(N_("Whether the hub hears how a position settled (never an amount)."), True)

    session_s: int = setting(N_("How long a login counts at most."), 24 * 3600, ge=1, unit=N_("seconds"))
    submit_timeout_s: float = setting(
        N_("How long an answer of the exchange is waited for."), 60.0, gt=0, unit=N_("seconds")
    )
    stop_grace_s: float = setting(N_("How long the end waits for what is under way."), 10.0, ge=0, unit=N_("seconds"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, YamlConfigSettingsSource(settings_cls)

    @field_validator("server_url")
    @classmethod
    def _server(cls, value: str) -> str:
        try:
            return normal_server(value)
        except ValueError:
            raise wanted(_, ADDRESS) from None

    @field_validator("data_dir", mode="before")
    @classmethod
    def _folder(cls, value: object) -> object:
        return some_path(value, _)

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
            raise ValueError(_("takes {what}").format(what="http://host:port, socks5://user:password@host:port"))
        return value

    @field_validator("allowed_symbols", mode="before")
    @classmethod
    def _symbols(cls, value: object) -> object:
        """`BTCUSDT,ETHUSDT`, as people write it."""
        if not isinstance(value, str):
            return value
        return frozenset(symbol.strip().upper() for symbol in value.split(",") if symbol.strip())

    @field_validator("allowed_symbols")
    @classmethod
    def _spelled(cls, symbols: frozenset[str]) -> frozenset[str]:
        if not symbols or not all(SYMBOL.fullmatch(symbol) for symbol in symbols):
            raise wanted(_, SYMBOLS)
        return symbols

    @field_validator("language")
    @classmethod
    def _spoken(cls, language: str | None) -> str | None:
        return spoken(language, _)

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
    takes = ValueError(_("takes {what}").format(what=f"{safe}://host"))
    try:
        parts = urlsplit(url.strip())
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise takes from None
    if not is_good or parts.scheme not in (safe, plain) or parts.username or parts.query or parts.fragment:
        raise takes
    if parts.scheme == plain and not is_loopback(url.strip()):
        raise ValueError(
            _("plain {plain}:// is for this computer only; takes {safe}://").format(plain=plain, safe=safe)
        )
    return url.strip().rstrip("/")


PROGRAM: Final = Program(prefix="AGENT_", file="agent.yaml", kinds=(Settings,), text=_, sections={})
