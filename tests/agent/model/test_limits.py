"""The trader's limits, and the settings that they come from."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.config import Settings
from agent.model import limits
from agent.model.limits import Case
from agent.model.rules import Rules
from agent.model.tally import Tally
from protocol.messages import Order

LIMITS = Rules(Decimal(5), Decimal(200), frozenset({"BTCUSDT"}))


@pytest.mark.parametrize("stake", ["5", "6", "200", "5.0", "2E+1"])
def test_whole_stakes_within_bounds_pass(stake: str) -> None:
    assert limits.check_stake(LIMITS, Decimal(stake)) is None


@pytest.mark.parametrize(
    ("stake", "reason"),
    [
        ("4", "under the minimum of 5"),
        ("201", "over the maximum of 200"),
        ("5.5", "not a multiple of 1"),
        ("5.0000001", "not a multiple of 1"),
        ("0", "not a positive amount"),
        ("-5", "not a positive amount"),
        ("NaN", "not a positive amount"),
        ("Infinity", "not a positive amount"),
    ],
)
def test_a_stake_is_refused_and_never_trimmed(stake: str, reason: str) -> None:
    refused = limits.check_stake(LIMITS, Decimal(stake))
    assert refused is not None
    assert reason in refused.reason.text()


def test_only_allowed_symbols_pass() -> None:
    order = Order(1, "TEN_MINUTE", "ETHUSDT", "LONG", 60, 0, 60_000)
    refused = limits.check(Case(LIMITS, Decimal(5), Tally(), 0, order))
    assert refused is not None
    assert refused.reason.text() == "symbol ETHUSDT is not allowed here, only BTCUSDT"


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    assert settings.server_url == "http://127.0.0.1:8000"
    assert settings.limits() == Rules(
        Decimal(5), Decimal(200), frozenset({"BTCUSDT", "ETHUSDT"}), stakes={"": Decimal(5)}
    )
    assert settings.payouts() == {
        "TEN_MINUTE": Decimal("0.80"),
        "THIRTY_MINUTE": Decimal("0.85"),
        "ONE_HOUR": Decimal("0.85"),
        "ONE_DAY": Decimal("0.85"),
    }
    assert settings.session_s == 86_400


def test_environment_and_dotenv_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AGENT_ORDER_AMOUNT=12\nAGENT_SERVER_URL=HTTP://Hub.Example:9000/\n")
    monkeypatch.setenv("AGENT_ALLOWED_SYMBOLS", "btcusdt, SOLUSDT")
    settings = Settings()
    assert settings.order_amount == 12
    assert settings.server_url == "http://hub.example:9000"
    assert settings.allowed_symbols == {"BTCUSDT", "SOLUSDT"}


def test_plain_addresses_are_for_this_computer_only() -> None:
    settings = Settings(binance_url="http://127.0.0.1:9000/", price_url="ws://localhost:9000/")
    assert (settings.binance_url, settings.price_url) == ("http://127.0.0.1:9000", "ws://localhost:9000")


def test_a_proxys_password_shows_nowhere() -> None:
    settings = Settings(proxy="socks5://me:s3cret@proxy.example:1080")
    assert settings.proxy is not None
    assert settings.proxy.get_secret_value() == "socks5://me:s3cret@proxy.example:1080"
    assert "s3cret" not in f"{settings!r} {settings}"
    with pytest.raises(ValidationError) as refused:
        Settings(proxy="ftp://me:s3cret@proxy.example:1080")
    assert "s3cret" not in str(refused.value)
    assert "socks5://" in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_url": "ftp://x"},
        {"server_url": "http://name:word@hub"},
        {"driver": "magic"},
        {"paper_speed": 0},
        {"order_amount": "NaN"},
        {"payout_one_day": "0.855"},
        {"paper_refusal_rate": 2},
        {"binance_url": "http://www.binance.com"},
        {"binance_accounts_url": "ftp://127.0.0.1"},
        {"price_url": "ws://fstream.binance.com"},
        {"price_url": "https://fstream.binance.com"},
        {"proxy": "proxy.example:8080"},
        {"proxy": "https://proxy.example:8080"},
        {"paper_market": "dreamt"},
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object]) -> None:
    [name] = wrong
    with pytest.raises(ValidationError, match=name):
        Settings(**wrong)  # type: ignore[arg-type]
