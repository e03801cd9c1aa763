"""Talking HTTP to the hub: one envelope in, `data` or an error out.

What is slow to import (the HTTP library, settings) is imported when it is used: `--help` needs neither.
The invariant: what the hub refused is `Refused` with its own words, and all else that went wrong on the way is
`OutOfReach`, since then nobody knows whether the request was done.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hub.cli.errors import OutOfReach, Refused, field_of
from hub.cli.screen import waiting
from hub.language import _
from hub.model.answers import Envelope

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")


class HubClient:
    """A hub, over HTTP. All methods raise Refused or OutOfReach."""

    def __init__(self, session: "aiohttp.ClientSession", url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str, **query: str | int | list[str] | list[int] | None) -> Any:
        return await self._ask("GET", path, query={k: v for k, v in query.items() if v is not None})

    async def post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, extra_s: float = 0
    ) -> Any:
        """`extra_s`: seconds that the work itself may take, beside the way there and back."""
        return await self._ask("POST", path, body=body, headers=headers, extra_s=extra_s)

    async def put(self, path: str, body: Any) -> Any:
        return await self._ask("PUT", path, body=body)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | list[str] | list[int]] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        extra_s: float = 0,
    ) -> Any:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=(self._session.timeout.total or 0) + extra_s)
        try:
            # A redirect is not followed: it could carry the token to somebody else.
            async with self._session.request(
                method,
                self._url + path,
                params=query,
                json=body,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
            ) as answer:
                return _data(answer.status, await answer.read(), self._url)
        except TimeoutError:
            raise OutOfReach(
                _("The hub at {url} did not answer in time.").format(url=self._url),
                _("Try again; `hub doctor`, run where the hub runs, says what is wrong there."),
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise OutOfReach(
                _("The hub at {url} is out of reach: {why}.").format(url=self._url, why=_why(error)),
                _("Is it running (`hub serve`)? Is HUB_URL right?"),
            ) from None


def _why(error: Exception) -> str:
    """The system's words where it has some: `Connection refused`, not the library's account of how it tried."""
    import aiohttp

    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    return str(cause) or type(cause).__name__


def _data(status: int, text: bytes, url: str) -> Any:
    try:
        envelope = msgspec.json.decode(text, type=Envelope)
    except msgspec.MsgspecError:
        raise OutOfReach(
            _("What answers at {url} (HTTP {status}) is not a hub, or a proxy in front of one that is down.").format(
                url=url, status=status
            ),
            _("Check HUB_URL, and that the hub is running."),
        ) from None
    if status >= 400:
        from hub.cli.hub_words import as_sentence

        raise Refused(as_sentence(envelope.message), _advice(status), status, field_of(envelope.message))
    return envelope.data


def _advice(status: int) -> str:
    from hub.cli.access import which_token

    advice = _what_to_do(status)
    return f"{which_token()} {advice}".strip() if status in (401, 403) else advice


def _what_to_do(status: int) -> str:
    return {
        401: _("Log in again with `hub login`, or set HUB_ADMIN_TOKEN."),
        403: _("This takes an admin's login: `hub login`, or set HUB_ADMIN_TOKEN."),
        429: _("Wait a little, then try again."),
        500: _("The hub's log says why."),
        503: _("The hub's store is out of reach. Try again shortly; `hub doctor` on its machine says more."),
    }.get(status, "")


def read(data: Any, kind: type[T]) -> T:
    """The hub's `data` as a struct. Raises OutOfReach where it has another shape."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise OutOfReach(
            _("The hub's answer was not understood: {why}.").format(why=error),
            _("Are the hub and this command of the same version? `--json` shows the answer as it came."),
        ) from None


@asynccontextmanager
async def connect(token: str | None) -> AsyncIterator[HubClient]:
    """A hub to talk to, with this token (None: as nobody)."""
    import aiohttp

    from hub.cli.access import safe_access

    settings = safe_access()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=settings.timeout)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield HubClient(session, settings.url)


def ask(work: Callable[[HubClient], Awaitable[T]], is_quiet: bool = False) -> T:
    """Run `work` against the hub as an admin, with a spinner unless `is_quiet`. Raises CommandError."""
    from hub.cli.access import token_for_commands

    token = token_for_commands()

    async def talk() -> T:
        async with connect(token) as hub:
            return await work(hub)

    if is_quiet:
        return asyncio.run(talk())
    with waiting(_("Asking the hub…")):
        return asyncio.run(talk())
