"""What one open browser does until the login has ended: its QR codes, its session, its captcha, its end.

The invariants: the first end counts; in a window nothing is clicked; a session that the profile had before is taken
only when the page asks for no login; the deadline holds whatever the page does.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import msgspec
from playwright.async_api import BrowserContext, Page, Request, Response
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent.drivers.binance.login.chromium import ExitNote
from agent.drivers.binance.login.messages import Captured, Ended, Job, LoginEvent, PersonNeeded, QrShown, Result

POLL_S: Final = 0.3
ANSWER_TIMEOUT_S: Final = 1.0
NOTE_TIMEOUT_S: Final = 1.5
CLICK_TIMEOUT_S: Final = 2.0


class Visit:
    """One login page in one browser."""

    def __init__(
        self,
        job: Job,
        context: BrowserContext,
        tell: Callable[[LoginEvent], None],
        keep: Callable[[Captured], None],
        exit_note: ExitNote,
        *,
        is_headed: bool,
    ) -> None:
        self._job = job
        self._page = job.page
        self._context = context
        self._tell = tell
        self._keep = keep
        self._is_headed = is_headed
        self._codes: list[str] = []
        self._stale: str | None = None
        self._is_person_told = False
        self._exit_note = exit_note
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> Ended:
        """Until the login has ended, and no longer than its time-out."""
        try:
            async with asyncio.timeout(self._job.timeout_s):
                await self._start()
                return await self._ended
        except TimeoutError:
            return Ended(Result.TIMED_OUT)
        except PlaywrightError:
            return Ended(Result.BROWSER_CRASHED)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self) -> None:
        page = self._context.pages[0] if self._context.pages else await self._context.new_page()
        self._stale = await self._cookie(self._page.cookie)
        self._context.on("request", lambda request: self._spawn(self._on_request(request)))
        self._context.on("response", lambda response: self._spawn(self._on_response(response)))
        self._context.on("page", self._watch)
        self._watch(page)
        self._spawn(self._open(page))
        self._spawn(self._look_at(page))
        self._spawn(self._lead_home(page))

    def _end(self, result: Result, detail: str = "") -> None:
        if not self._ended.done():
            self._ended.set_result(Ended(result, detail))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What the browser refuses because it closes is told by its closing."""
        try:
            await work
        except PlaywrightError:
            return
        except Exception as error:  # noqa: BLE001  the text may come from the page
            self._end(Result.BROWSER_FAILED, type(error).__name__)

    # 1. the page and its window

    async def _open(self, page: Page) -> None:
        try:
            await page.goto(self._page.login_url, wait_until="domcontentloaded", timeout=self._job.timeout_s * 1000)
        except PlaywrightTimeout:
            self._end(Result.TIMED_OUT)
        except PlaywrightError as error:
            found = re.search(r"net::(ERR_\w+)", error.message)
            if found and found[1] != "ERR_ABORTED":  # aborted: the page went on to another by itself
                self._end(Result.UNREACHABLE, found[1])

    def _watch(self, page: Page) -> None:
        page.on("close", lambda _page: self._spawn(self._on_close()))
        page.on("crash", lambda _page: self._end(Result.BROWSER_CRASHED))

    async def _on_close(self) -> None:
        """A browser whose last window was closed still answers, or leaves a note; one that was killed does neither."""
        if self._context.pages:
            return
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(self._context.cookies(), ANSWER_TIMEOUT_S)
            self._end(Result.WINDOW_CLOSED)
        for _look in range(round(NOTE_TIMEOUT_S / POLL_S)):
            if await asyncio.to_thread(self._exit_note.is_orderly):
                self._end(Result.WINDOW_CLOSED)
                return
            await asyncio.sleep(POLL_S)
        self._end(Result.BROWSER_CRASHED)

    # 2. the QR, and what the person has to answer

    async def _on_response(self, response: Response) -> None:
        if self._page.qr_path not in response.url:
            return
        try:
            found: Any = msgspec.json.decode(await response.body())
            for name in self._page.qr_field:
                found = found[name]
        except (msgspec.DecodeError, KeyError, TypeError):
            return
        if isinstance(found, str) and found and found not in self._codes:
            self._show(found)

    def _show(self, text: str) -> None:
        """In a window the person sees it, and may log in by other ways that take longer."""
        if self._is_headed:
            self._codes.append(text)
        elif len(self._codes) >= self._job.qr_limit:
            self._end(Result.QR_EXPIRED)
        else:
            self._codes.append(text)
            self._tell(QrShown(text, len(self._codes)))

    async def _look_at(self, page: Page) -> None:
        waited = 0.0
        while not self._ended.done():
            await asyncio.sleep(POLL_S)
            waited += POLL_S
            if await self._first_visible(page, self._page.person_needed):
                self._need_person()
            elif self._is_headed:
                continue  # the mouse is the person's
            elif refresh := await self._first_visible(page, self._page.qr_refresh):
                await self._refresh(page, refresh)
            elif waited > self._job.patience_s and not self._codes:
                waited = 0.0
                if selector := await self._first_visible(page, self._page.qr_open):
                    await page.locator(selector).first.click(timeout=CLICK_TIMEOUT_S * 1000)

    def _need_person(self) -> None:
        if not self._is_headed:
            self._end(Result.CAPTCHA)
        elif not self._is_person_told:
            self._is_person_told = True
            self._tell(PersonNeeded())

    async def _refresh(self, page: Page, selector: str) -> None:
        if len(self._codes) >= self._job.qr_limit:
            self._end(Result.QR_EXPIRED)
            return
        await page.locator(selector).first.click(timeout=CLICK_TIMEOUT_S * 1000)

    async def _first_visible(self, page: Page, selectors: tuple[str, ...]) -> str | None:
        for selector in selectors:
            try:
                if await page.locator(selector).first.is_visible():
                    return selector
            except PlaywrightError:
                continue  # the page is between two documents
        return None

    # 3. the session

    async def _on_request(self, request: Request) -> None:
        """Only a request that carries both counts: before the login the page sends a token that is good for nothing."""
        if not self._is_www(request.url) or self._page.header not in request.headers:
            return
        headers = await request.all_headers()
        p20t = _cookies(headers.get("cookie", "")).get(self._page.cookie)
        if p20t and self._is_fresh(p20t):
            await self._bind(headers[self._page.header], p20t)

    async def _lead_home(self, page: Page) -> None:
        """For a page that logs in and then makes no request of its own: open one that does, then take the cookies."""
        while True:
            await asyncio.sleep(POLL_S)
            if await self._fresh_cookie():
                break
        await asyncio.sleep(self._job.patience_s)
        await page.goto(self._page.home_url, wait_until="domcontentloaded")
        await asyncio.sleep(self._job.patience_s)
        token, p20t = await self._cookie(self._page.header), await self._fresh_cookie()
        if token and p20t:
            await self._bind(token, p20t)

    async def _bind(self, csrftoken: str, p20t: str) -> None:
        if self._ended.done():
            return
        expires_ms = await self._expiry_of(p20t)
        if not self._ended.done():
            self._keep(Captured(csrftoken, p20t, expires_ms))
            self._end(Result.BOUND_WITHOUT_EXPIRY if expires_ms is None else Result.BOUND)

    async def _expiry_of(self, p20t: str) -> int | None:
        for cookie in await self._context.cookies(self._page.www_url):
            if cookie["name"] == self._page.cookie and cookie["value"] == p20t and cookie["expires"] > 0:
                return int(cookie["expires"] * 1000)
        return None

    async def _fresh_cookie(self) -> str | None:
        p20t = await self._cookie(self._page.cookie)
        return p20t if p20t and self._is_fresh(p20t) else None

    def _is_fresh(self, p20t: str) -> bool:
        """One that the profile had before is over if the page wants another login."""
        return p20t != self._stale or (not self._codes and not self._is_at_login())

    def _is_at_login(self) -> bool:
        login = self._page.login_url.partition("?")[0]
        return any(page.url.startswith(login) or page.url == "about:blank" for page in self._context.pages)

    async def _cookie(self, name: str) -> str | None:
        cookies = await self._context.cookies(self._page.www_url)
        return next((cookie["value"] for cookie in cookies if cookie["name"] == name), None)

    def _is_www(self, url: str) -> bool:
        return url.startswith(self._page.www_url.rstrip("/") + "/")


def _cookies(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _equals, value in pairs}
