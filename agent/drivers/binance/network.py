"""How the exchange is reached: one client a purpose, through the proxy if there is one, each answer limited in size.

The invariants: no redirect is followed and no cookie kept; nothing of a request, and no proxy's password, is in the
text of an error that leaves here; `Wire.has_begun` is true before the first byte of a request is handed to the kernel.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
import msgspec
from aiohttp_socks import ProxyConnector, ProxyType
from aiohttp_socks import ProxyError as SocksError
from yarl import URL

from agent.config import Settings
from agent.drivers.binance.answers import Raw
from agent.drivers.binance.facts import Timing

KEPT_ALIVE_S: Final = 300.0
CHUNK_BYTES: Final = 16_384

FAILURES: Final = (aiohttp.ClientError, SocksError, TimeoutError, OSError, ValueError)
"""What a request may raise where it is not a bug of ours."""


class Unreachable(RuntimeError):
    """There was no answer. The text is the kind of failure, and nothing of the request."""


class TooLate(RuntimeError):
    """The request was about to begin after its time, and did not."""


class Wire:
    """One request on its way. `has_begun`: from here on a byte of it may have left. `on_begin` may raise TooLate."""

    def __init__(self, on_begin: Callable[[], None] = lambda: None) -> None:
        self.has_begun = False
        self._on_begin = on_begin

    def begin(self) -> None:
        """Called as its first line is written, before anything is."""
        self._on_begin()
        self.has_begun = True


class Proxy(msgspec.Struct, frozen=True):
    """A proxy without its password in any text. `url` has neither user nor password."""

    url: str
    username: str | None = None
    password: str | None = None

    @property
    def is_socks(self) -> bool:
        return self.url.startswith("socks5")

    def __repr__(self) -> str:
        return f"Proxy({self.url!r}, …)"


def proxy_of(setting: str | None) -> Proxy | None:
    """`http://user:password@host:port` or `socks5://…`, taken apart."""
    if not setting:
        return None
    parts = urlsplit(setting)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    url = urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else str(host), "", "", ""))
    return Proxy(url, unquote(parts.username) if parts.username else None, unquote(parts.password or "") or None)


def proxy_in(config: Settings) -> Proxy | None:
    """The one proxy of driver, price stream and browser."""
    return proxy_of(config.proxy.get_secret_value()) if config.proxy is not None else None


def open_client(timing: Timing, proxy: Proxy | None = None) -> aiohttp.ClientSession:
    """A client of its own connections. Inside a running loop; `ask` gives each request its `Wire`."""
    return aiohttp.ClientSession(
        connector=_connector(proxy),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=timing.connect_s, sock_read=timing.answer_s),
        trace_configs=[_tracing()],
        trust_env=False,
        **_through(proxy),
    )


async def ask(
    client: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    limit_bytes: int,
    body: bytes | None = None,
    wire: Wire | None = None,
) -> Raw:
    """One request, one answer. Raises Unreachable when there is none, or none worth the name."""
    try:
        async with client.request(
            method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=wire
        ) as answer:
            return await _limited(answer, limit_bytes)
    except FAILURES as error:
        raise Unreachable(kind_of(error)) from None


def kind_of(error: BaseException) -> str:
    """What broke, in a word or two that hold nothing of the request."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "the connection was cut"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror and cause.errno else None
    return f"{type(error).__name__} ({reason})" if reason else type(error).__name__


async def _limited(answer: aiohttp.ClientResponse, limit_bytes: int) -> Raw:
    """What comes up to the limit; a connection that ends in the middle leaves a part."""
    body = b""
    try:
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > limit_bytes:
                answer.close()
                return Raw(answer.status, body[:limit_bytes], is_whole=False)
    except (aiohttp.ClientError, OSError):
        return Raw(answer.status, body, is_whole=False)
    return Raw(answer.status, body)


def _tracing() -> aiohttp.TraceConfig:
    """`on_request_headers_sent` is called as the first line is about to be written, on every version of aiohttp."""

    async def begins(_: aiohttp.ClientSession, context: Any, __: aiohttp.TraceRequestHeadersSentParams) -> None:
        if isinstance(context.trace_request_ctx, Wire):
            context.trace_request_ctx.begin()

    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(begins)
    return tracing


def _connector(proxy: Proxy | None) -> aiohttp.TCPConnector:
    if proxy is None or not proxy.is_socks:
        return aiohttp.TCPConnector(keepalive_timeout=KEPT_ALIVE_S)
    parts = urlsplit(proxy.url)
    return ProxyConnector(
        host=parts.hostname or "",
        port=parts.port or 1080,
        proxy_type=ProxyType.SOCKS5,
        username=proxy.username,
        password=proxy.password,
        rdns=True,
        keepalive_timeout=KEPT_ALIVE_S,
    )


def _through(proxy: Proxy | None) -> dict[str, Any]:
    if proxy is None or proxy.is_socks:
        return {}
    return {"proxy": URL(proxy.url).with_user(proxy.username).with_password(proxy.password)}
