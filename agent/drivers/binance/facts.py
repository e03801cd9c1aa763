"""What is believed about the exchange, as data: addresses, paths, headers, codes, names of fields, selectors.

There is no official interface, so each of these can change without notice: a file replaces any of them without a
release. The invariants: a name that is not known here is refused, and plain http or ws goes to this computer only.
Sources and how sure each is: the project's notes of November 2026; what nobody has seen is a list of guesses.
"""

from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from agent.config import Settings
from agent.model.account import is_loopback

FILE_NAME: Final = "binance-web.json"

Words = tuple[str, ...]
T = TypeVar("T", bound=msgspec.Struct)


class FactsBroken(ValueError):
    """The file cannot be used; the text names the place."""


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base: frozen, and strict about names."""


class Urls(_Facts, frozen=True):
    """Where each part of the exchange is."""

    web: str = "https://www.binance.com"
    accounts: str = "https://accounts.binance.com"
    futures: str = "https://fapi.binance.com"
    keys: str = "https://api.binance.com"
    stream: str = "wss://fstream.binance.com"


class Paths(_Facts, frozen=True):
    """What is asked, and where. `warm` is asked without a session, so that a connection is open before an order."""

    place_order: str = "/bapi/futures/v2/private/future/event-contract/place-order"
    user: str = "/bapi/accounts/v1/private/account/get-user-base-info"
    ongoing: str = "/bapi/futures/v2/private/future/event-contract/ongoing-order-list"
    closed: str = "/bapi/futures/v1/private/future/event-contract/closed-order-list"
    warm: str = "/robots.txt"
    income: str = "/fapi/v1/income"
    restrictions: str = "/sapi/v1/account/apiRestrictions"
    price: str = "/fapi/v1/premiumIndex"
    stream: str = "/stream?streams={streams}"
    stream_of: str = "{symbol}@markPrice@1s"


class Headers(_Facts, frozen=True):
    """`fixed` go with every request of the web's interface."""

    csrf: str = "csrftoken"
    cookie: str = "p20t"
    key: str = "X-MBX-APIKEY"
    fixed: dict[str, str] = msgspec.field(default_factory=lambda: {"clienttype": "web"})


class Codes(_Facts, frozen=True):
    """What an answer's code, status or words mean. What stands nowhere is not certain."""

    taken: Words = ("000000",)
    session_over: Words = ("100001005", "100002002", "100001")
    refused: Words = ("93420033",)
    session_over_status: tuple[int, ...] = (401, 403)
    region_status: tuple[int, ...] = (451,)
    ratio_words: Words = ("ratio has changed",)


class Fields(_Facts, frozen=True):
    """Names to look for, in this order; nobody has documented them, so several are tried."""

    order_id: Words = ("orderId", "orderNo", "id")
    user_id: Words = ("userId", "uid", "id")
    rows: Words = ("rows", "list", "data", "orders")
    stake: Words = ("orderAmount", "amount", "stake")
    symbol: Words = ("symbolName", "symbol")
    direction: Words = ("direction", "side")
    increment: Words = ("timeIncrements", "timeIncrement", "increment")
    ratio: Words = ("payoutRatio", "ratio")
    opened: Words = ("openTime", "createTime", "orderTime")
    entry_price: Words = ("openPrice", "strikePrice", "entryPrice")
    profit: Words = ("profit", "pnl", "realizedPnl")


class Income(_Facts, frozen=True):
    """The documented history of the futures API: the types of event contracts are seen, not documented."""

    order_type: str = "EVENT_CONTRACTS_ORDER"
    payout_type: str = "EVENT_CONTRACTS_PAYOUT"
    trading_rights: Words = (
        "enableWithdrawals",
        "enableInternalTransfer",
        "permitsUniversalTransfer",
        "enableSpotAndMarginTrading",
        "enableMargin",
        "enableFutures",
        "enableVanillaOptions",
        "enablePortfolioMarginTrading",
        "enableFixApiTrade",
    )
    reading_right: str = "enableReading"


class Timing(_Facts, frozen=True):
    """In seconds, sizes in bytes. `match_*`: how far a listed time may lie from ours, before and after.

    `listed_s`: how long after its end a position is still asked about.
    """

    connect_s: float = 5.0
    answer_s: float = 15.0
    check_s: float = 180.0
    unbound_check_s: float = 15.0
    warm_s: float = 40.0
    answer_bytes: int = 262_144
    match_before_s: float = 3.0
    match_after_s: float = 20.0
    listed_s: float = 259_200.0
    list_pages: int = 3
    list_rows: int = 50
    price_age_s: float = 3.0
    settle_after_s: float = 5.0


class Login(_Facts, frozen=True):
    """The login page. Selectors are Playwright's; `person_needed` is shown to the person and never clicked."""

    page: str = "/en/login"
    home: str = "/en/my/dashboard"
    qr_path: str = "/bapi/accounts/v2/public/qrcode/login/get"
    qr_field: Words = ("data", "qrCode")
    qr_open: Words = ("[class*=qrcode-login-icon]", "[aria-label*=QR]")
    qr_refresh: Words = ("button:text-matches('^(Refresh QR.*|刷新二维码)$')",)
    person_needed: Words = (
        ".bcap-modal",
        ".geetest_panel",
        "iframe[src*=captcha]",
        "text=/Stay signed in|保持登录状态/",
        "button:text-matches('^(I understand|知道了)$', 'i')",
    )


class Facts(_Facts, frozen=True):
    """All of it, as in this version unless a file says otherwise."""

    urls: Urls = Urls()
    paths: Paths = Paths()
    headers: Headers = Headers()
    codes: Codes = Codes()
    fields: Fields = Fields()
    income: Income = Income()
    timing: Timing = Timing()
    login: Login = Login()


def load(file: Path | None, web: str | None = None, accounts: str | None = None, stream: str | None = None) -> Facts:
    """The facts with what the file and the three settings replace. Raises FactsBroken."""
    facts = Facts() if file is None or not file.exists() else _overlaid(file)
    named = {"web": web, "accounts": accounts, "stream": stream}
    return checked(msgspec.structs.replace(facts, urls=_urls(facts.urls, named)))


def facts_of(config: Settings) -> Facts:
    """The facts with what this computer's file and settings replace. Raises FactsBroken."""
    file = config.data_dir / FILE_NAME
    return load(file, config.binance_url, config.binance_accounts_url, config.price_url)


def checked(facts: Facts) -> Facts:
    """The same facts. Raises FactsBroken."""
    for name, url in msgspec.structs.asdict(facts.urls).items():
        _check_url(name, url)
    for name, path in msgspec.structs.asdict(facts.paths).items():
        if not path.startswith("/") and name != "stream_of":
            raise FactsBroken(f"paths.{name} starts with a /, not like {path!r}")
    for name, value in msgspec.structs.asdict(facts.timing).items():
        if value <= 0:
            raise FactsBroken(f"timing.{name} is more than 0, not {value}")
    return facts


def _overlaid(file: Path) -> Facts:
    try:
        given = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        return msgspec.convert(_merged(msgspec.to_builtins(Facts()), given), Facts)
    except (msgspec.MsgspecError, OSError) as error:
        raise FactsBroken(f"{file.name}: {error}") from None


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Objects are merged, everything else is replaced."""
    both = dict(old)
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(both.get(name), dict):
            both[name] = _merged(both[name], value)
        else:
            both[name] = value
    return both


def _urls(urls: Urls, named: dict[str, str | None]) -> Urls:
    """A default is no choice. Where the web is on this computer, nothing that was not chosen goes elsewhere."""
    usual = msgspec.structs.asdict(Urls())
    given = {name: url.rstrip("/") for name, url in named.items() if url and url.rstrip("/") != usual[name]}
    urls = msgspec.structs.replace(urls, **given)
    if not is_loopback(urls.web):
        return urls
    twin = {"accounts": urls.web, "futures": urls.web, "keys": urls.web, "stream": _as_stream(urls.web)}
    outside = {name: url for name, url in twin.items() if name not in given and not is_loopback(getattr(urls, name))}
    return msgspec.structs.replace(urls, **outside)


def _as_stream(url: str) -> str:
    return "ws" + url.removeprefix("http")


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    secure, plain = ("wss", "ws") if name == "stream" else ("https", "http")
    if parts.scheme not in (secure, plain) or not parts.hostname:
        raise FactsBroken(f"urls.{name} is {secure}://host, not {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise FactsBroken(f"urls.{name} takes no user, password, query or fragment")
    if parts.scheme == plain and not is_loopback(url):
        raise FactsBroken(f"urls.{name}: plain {plain} goes to this computer only; use {secure}")
