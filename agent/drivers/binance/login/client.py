"""The helper from outside: started, listened to, and ended with all that it started.

The invariants: `run` returns one `Outcome`, whatever the helper does; when it returns, and when it is cancelled, no
process of the login is left; the job goes in by standard input, since it may hold a proxy's password.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from agent.drivers.binance.login import processes
from agent.drivers.binance.login.messages import Captured, Ended, Job, LoginEvent, Result, captured_of, event_of
from agent.model.reasons import Reason

GRACE_S: Final = 6.0
"""How long a helper that was told to end may take; longer than its own patience with the browser."""

STARTS_S: Final = 90.0
"""What starting the browser, twice at most, may add to the time-outs of its pages."""

SECRETS_BYTES: Final = 64 * 1024

PRIVATE: Final = ("AGENT_", "HUB_")
"""Settings, which may hold passwords: a browser has no use for them."""


class Outcome(msgspec.Struct, frozen=True):
    """How it ended; with a session where the result is one of the two bound ones."""

    result: Result
    captured: Captured | None = None
    detail: str = ""

    @property
    def reason(self) -> Reason:
        """The same for people."""
        return Reason(f"login.{self.result}", {"detail": self.detail})


class Login:
    """One login. `run` it once; `cancel` it from the same loop."""

    def __init__(self, job: Job, on_event: Callable[[LoginEvent], None]) -> None:
        self._job = job
        self._line = msgspec.json.encode(job) + b"\n"
        self._on_event = on_event
        self._helper: asyncio.subprocess.Process | None = None
        self._is_cancelled = False
        self._family = processes.Family(secrets.token_hex(16))

    def cancel(self) -> None:
        """Close the browser; `run` then returns `cancelled`, unless it had ended already."""
        self._is_cancelled = True
        if self._helper is not None:
            _close_input(self._helper)
            asyncio.get_running_loop().call_later(GRACE_S, _kill, self._helper)

    async def run(self) -> Outcome:
        """Until the login has ended. Raises OSError where no process can be started."""
        if sys.platform == "win32":
            return Outcome(Result.UNSUPPORTED)
        with tempfile.TemporaryDirectory(prefix="bn-auto-", ignore_cleanup_errors=True) as scratch:
            read_end, write_end = os.pipe()
            try:
                return await self._run(scratch, read_end, write_end)
            finally:
                os.close(read_end)

    async def _run(self, scratch: str, read_end: int, write_end: int) -> Outcome:
        try:
            helper = await self._start(scratch, write_end)
        finally:
            os.close(write_end)
        try:
            ended = await self._listen(helper)
        finally:
            await asyncio.shield(self._end(helper))
        captured = _captured(read_end) if ended.result in (Result.BOUND, Result.BOUND_WITHOUT_EXPIRY) else None
        return Outcome(ended.result, captured, ended.detail)

    async def _start(self, scratch: str, write_end: int) -> asyncio.subprocess.Process:
        helper = await asyncio.create_subprocess_exec(
            *helper_command(write_end),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # the driver and the browser speak there, with addresses
            env=_environment(os.environ, {processes.MARK: self._family.mark, "TMPDIR": scratch}),
            pass_fds=(write_end,),
            start_new_session=True,
        )
        self._helper = helper
        if helper.stdin is not None:
            helper.stdin.write(self._line)
        if self._is_cancelled:
            self.cancel()
        return helper

    async def _listen(self, helper: asyncio.subprocess.Process) -> Ended:
        try:
            async with asyncio.timeout(2 * self._job.timeout_s + STARTS_S):
                return await self._events(helper)
        except TimeoutError:
            return Ended(Result.TIMED_OUT)

    async def _events(self, helper: asyncio.subprocess.Process) -> Ended:
        assert helper.stdout is not None
        async for line in helper.stdout:
            try:
                event = event_of.decode(line)
            except msgspec.DecodeError:
                continue
            self._on_event(event)
            if isinstance(event, Ended):
                return event
            await asyncio.to_thread(self._family.look)
        died = Ended(Result.CANCELLED if self._is_cancelled else Result.HELPER_DIED)
        self._on_event(died)
        return died

    async def _end(self, helper: asyncio.subprocess.Process) -> None:
        _close_input(helper)
        with suppress(TimeoutError):
            await asyncio.wait_for(helper.wait(), GRACE_S)
        processes.kill_group(helper.pid)
        await asyncio.to_thread(self._family.end)
        await helper.wait()


def helper_command(secrets_fd: int) -> list[str]:
    """What starts the helper."""
    return [sys.executable, "-m", "agent.drivers.binance.login", str(secrets_fd)]


def _environment(given: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    return {**{name: value for name, value in given.items() if not name.startswith(PRIVATE)}, **added}


def _close_input(helper: asyncio.subprocess.Process) -> None:
    if helper.stdin is not None:
        helper.stdin.close()


def _kill(helper: asyncio.subprocess.Process) -> None:
    if helper.returncode is None:
        processes.kill_group(helper.pid)


def _captured(read_end: int) -> Captured:
    """All of it is in the pipe by now: its other end is closed."""
    return captured_of.decode(os.read(read_end, SECRETS_BYTES))
