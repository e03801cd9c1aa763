"""The settings: environment (`AGENT_…`), `.env`, defaults. The command line overrules them.

The wiring and the shells import it. The invariant: what comes out is typed and checked; secrets are none of it.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent.model.account import normal_server
from agent.model.limits import Limits
from protocol.messages import Increment

Stake = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[Decimal, Field(gt=0, max_digits=4, decimal_places=2)]
Share = Annotated[float, Field(ge=0, le=1)]


def default_data_dir() -> Path:
    """Where this system keeps a program's data."""
    return platformdirs.user_data_path("bn-auto", appauthor=False)


class Settings(BaseSettings):
    """Stakes in USDT; payout ratios are profit per unit of stake; durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="AGENT_", env_file=".env", extra="ignore", frozen=True)

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

    session_s: int = Field(24 * 3600, ge=1)
    submit_timeout_s: float = Field(60.0, gt=0)
    stop_grace_s: float = Field(10.0, ge=0)

    @field_validator("server_url")
    @classmethod
    def _server(cls, value: str) -> str:
        return normal_server(value)

    @field_validator("data_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("allowed_symbols", mode="before")
    @classmethod
    def _symbols(cls, value: object) -> object:
        """`BTCUSDT,ETHUSDT`, as people write it."""
        if not isinstance(value, str):
            return value
        return frozenset(symbol.strip().upper() for symbol in value.split(",") if symbol.strip())

    def limits(self) -> Limits:
        """The trader's limits."""
        return Limits(self.min_order_amount, self.max_order_amount, self.allowed_symbols)

    def payouts(self) -> dict[Increment, Decimal]:
        """Profit per unit of stake, an increment each."""
        return {
            "TEN_MINUTE": self.payout_ten_minute,
            "THIRTY_MINUTE": self.payout_thirty_minute,
            "ONE_HOUR": self.payout_one_hour,
            "ONE_DAY": self.payout_one_day,
        }
