"""The helper's process: one job from standard input, events to standard output, the session to a pipe of its own.

The invariants: it ends when its input ends, whether its parent wished so or died; before it ends, every process that it
started is gone; nothing but events is ever written to standard output.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from agent.drivers.binance.login import chromium
from agent.drivers.binance.login.messages import Captured, Ended, Job, LoginEvent, Result, job_of
from agent.drivers.binance.login.processes import MARK, Family

CANCEL_TIMEOUT_S: Final = 4.0
"""After that a browser that does not close is killed."""


def main(secrets_fd: int) -> None:
    """Run one login; the last line says how it ended."""
    os.set_inheritable(secrets_fd, False)
    job = job_of.decode(sys.stdin.buffer.readline())
    ended = asyncio.run(_run(job, lambda captured: _write(secrets_fd, captured)))
    _family().end(without=os.getpid())
    _tell(ended)
    os._exit(0)  # the thread that waits for the end of the input holds what an orderly exit wants to close


async def _run(job: Job, keep: Callable[[Captured], None]) -> Ended:
    login = asyncio.create_task(_log_in(job, keep))
    loop = asyncio.get_running_loop()
    threading.Thread(target=_cancel_at_end_of_input, args=(loop, login), daemon=True).start()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, login.cancel)
    try:
        return await login
    except asyncio.CancelledError:
        return Ended(Result.CANCELLED)
    except OSError as error:
        return Ended(Result.BROWSER_FAILED, str(error.strerror))
    except Exception as error:  # noqa: BLE001  whatever it is, its text may hold what came from the page
        return Ended(Result.BROWSER_FAILED, type(error).__name__)


async def _log_in(job: Job, keep: Callable[[Captured], None]) -> Ended:
    try:
        from agent.drivers.binance.login.browser import log_in
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "playwright":
            raise
        return Ended(Result.PLAYWRIGHT_MISSING)
    profile = Path(job.profile)
    with _locked(profile) as is_mine:
        if not is_mine:
            return Ended(Result.BUSY)
        _prepare(profile, is_reset=job.is_reset)
        return await log_in(job, _tell, keep, may_show=chromium.has_display(os.environ))


def _prepare(profile: Path, *, is_reset: bool) -> None:
    if is_reset:
        shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir(mode=0o700, parents=True, exist_ok=True)


def _cancel_at_end_of_input(loop: asyncio.AbstractEventLoop, login: asyncio.Task[Ended]) -> None:
    """In a thread, so that a loop that hangs ends as well."""
    sys.stdin.buffer.read()
    try:
        loop.call_soon_threadsafe(login.cancel)
    except RuntimeError:
        return  # it has ended already
    time.sleep(CANCEL_TIMEOUT_S)
    _family().end(without=os.getpid())
    os._exit(1)


@contextmanager
def _locked(profile: Path) -> Iterator[bool]:
    """SQLite's own lock on an empty file: two browsers on one profile would share one window."""
    profile.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = sqlite3.connect(profile.with_name(f"{profile.name}.lock"), isolation_level=None, timeout=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        yield False
    else:
        yield True
    finally:
        lock.close()


def _tell(event: LoginEvent) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return  # nobody listens any more; the end of the input says the rest


def _write(secrets_fd: int, captured: Captured) -> None:
    os.write(secrets_fd, msgspec.json.encode(captured))


def _family() -> Family:
    return Family(os.environ[MARK])


if __name__ == "__main__":
    main(int(sys.argv[1]))
