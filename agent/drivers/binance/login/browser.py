"""One login in one browser: opens the page, tells each QR, and waits for a session, inside the helper.

The invariants: nothing of the page is answered for the person (only the QR is opened and refreshed); what looks like a
captcha or a confirmation goes to a visible window; token and cookie are taken from one and the same request.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from playwright.async_api import BrowserContext, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from agent.drivers.binance.login import chromium
from agent.drivers.binance.login.messages import Captured, Ended, Job, LoginEvent, PersonNeeded, Result, Started
from agent.drivers.binance.login.visit import Visit

LAUNCH_TIMEOUT_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 3.0

Tell = Callable[[LoginEvent], None]
Keep = Callable[[Captured], None]


async def log_in(job: Job, tell: Tell, keep: Keep, *, may_show: bool) -> Ended:
    """Run until it has ended one way or another. `may_show`: whether this computer has a display."""
    program = Path(job.browser) if job.browser else chromium.find()
    if (refused := _refused(job, program, may_show)) is not None:
        return refused
    async with _playwright() as playwright:
        ended = await _once(playwright, job, program, tell, keep, is_headed=job.is_headed)
        if ended.result is not Result.CAPTCHA or not may_show:
            return ended
        tell(PersonNeeded())
        return await _once(playwright, job, program, tell, keep, is_headed=True)


def _refused(job: Job, program: Path | None, may_show: bool) -> Ended | None:
    if program is None or not program.is_file():
        return Ended(Result.BROWSER_MISSING, "" if program is None else str(program))
    if job.is_headed and not may_show:
        return Ended(Result.NO_DISPLAY)
    if job.proxy and job.proxy.username and job.proxy.is_socks:
        return Ended(Result.PROXY_UNSUPPORTED)
    return None


async def _once(
    playwright: Playwright, job: Job, program: Path | None, tell: Tell, keep: Keep, *, is_headed: bool
) -> Ended:
    assert program is not None
    exit_note = chromium.ExitNote(Path(job.profile))
    try:
        context = await playwright.chromium.launch_persistent_context(
            **chromium.launch_options(job, program, is_headed=is_headed), timeout=LAUNCH_TIMEOUT_S * 1000
        )
    except PlaywrightError as error:
        return Ended(Result.BROWSER_FAILED, _first_line(error))
    async with _closing(context):
        tell(Started(is_headed))
        ended = await Visit(job, context, tell, keep, exit_note, is_headed=is_headed).run()
        if ended.result in (Result.BOUND, Result.BOUND_WITHOUT_EXPIRY) and not job.stays_signed_in:
            await _forget(context)
        return ended


async def _forget(context: BrowserContext) -> None:
    with suppress(PlaywrightError, TimeoutError):
        await asyncio.wait_for(context.clear_cookies(), CLOSE_TIMEOUT_S)


@asynccontextmanager
async def _playwright() -> AsyncIterator[Playwright]:
    playwright = await async_playwright().start()
    try:
        yield playwright
    finally:
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(playwright.stop(), CLOSE_TIMEOUT_S)


@asynccontextmanager
async def _closing(context: BrowserContext) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(context.close(), CLOSE_TIMEOUT_S)


def _first_line(error: PlaywrightError) -> str:
    """What the launch says before it quotes the whole command line."""
    first = next((line for line in error.message.splitlines() if line.strip()), "")
    return re.sub(r"^\S+: ", "", first)[:200]
