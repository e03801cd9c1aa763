"""`agent bind` as people and programs use it, against the exchange's stand-in and a real browser."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.bind import Account
from agent.config import Settings
from agent.drivers.binance.login.messages import Result
from agent.model.reasons import TEMPLATES
from agent.vault import open_vault
from tests.agent.drivers.binance.login.watching import using
from tests.exchange.account import Session
from tests.exchange.history import KEY, SECRET
from tests.exchange.server import Exchange
from tests.services.process import ROOT
from tests.services.waiting import eventually

CSRF, P20T = "0123456789abcdef" * 2, "web.4711.mark-c0ffee-mark"
PASSPHRASE = "passphrase-mark-d00d"


class Home:
    """A trader's computer: a data directory, a passphrase file, and an exchange at an address."""

    def __init__(self, folder: Path, exchange: str) -> None:
        self.data = folder / "data"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
            "PYTHONPATH": str(ROOT),
            "AGENT_DATA_DIR": str(self.data),
            "AGENT_VAULT_PASSPHRASE_FILE": str(self.passphrase),
            "AGENT_BINANCE_URL": exchange,
            "AGENT_BINANCE_ACCOUNTS_URL": exchange,
            "LC_ALL": "C.UTF-8",
        }

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self.environment, cwd=self.data.parent
        )

    async def bind(self, *arguments: str, typed: object = None) -> tuple[int, str, str]:
        """Exit code, output, complaints of `agent bind --user alice …`."""
        given = typed if isinstance(typed, str) else json.dumps(typed)
        process = await self.start("-m", "agent", "bind", "--user", "alice", *arguments)
        out, err = await asyncio.wait_for(process.communicate(given.encode()), 60)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    def kept(self, kind: Any) -> str | None:
        account = Account(Settings(data_dir=self.data, server_url="http://127.0.0.1:8000"), "alice")  # type: ignore[call-arg]
        return open_vault(self.data, self.passphrase).get(account.keys[0], kind)

    def files_with(self, *marks: str) -> list[str]:
        files = [path for path in self.data.rglob("*") if path.is_file()]
        return [path.name for path in files if any(mark.encode() in path.read_bytes() for mark in marks)]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange() as exchange:
        yield exchange


@pytest.fixture
def home(tmp_path: Path, exchange: Exchange) -> Home:
    return Home(tmp_path, exchange.url)


@pytest.fixture(autouse=True)
def _no_files_outside(tmp_path: Path) -> Iterator[None]:
    """Nothing but the two that each home has."""
    yield
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "passphrase"}


def soon() -> int:
    return int(time.time() * 1000) + 3_600_000


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "one JSON object is wanted"),
        ("[]", "Expected `object`, got `array`"),
        ({"p20t": P20T}, "`csrftoken`"),
        ({"csrftoken": CSRF}, "`p20t`"),
        ({"csrftoken": CSRF, "p20t": 7}, "$.p20t"),
        ({"csrftoken": f"{CSRF}\r\nX: 1", "p20t": P20T}, "csrftoken should be"),
        ({"csrftoken": CSRF, "p20t": f"p20t={P20T}"}, "p20t should be the value of the cookie alone"),
        ({"csrftoken": CSRF, "p20t": f"{P20T}; other=1"}, "p20t should be"),
        ({"csrftoken": CSRF, "p20t": P20T, "expires_ms": 1_900_000_000}, "milliseconds"),
        ({"csrftoken": CSRF, "p20t": P20T, "expires_ms": 1_700_000_000_000}, "has ended"),
        ({"csrftoken": CSRF, "p20t": P20T, "expires_ms": "soon"}, "$.expires_ms"),
        ({"csrftoken": CSRF, "p20t": P20T, "expirationTimestamp": 1}, "`expirationTimestamp`"),
        ("x" * 20_000, "too long"),
    ],
)
async def test_a_session_that_cannot_be_used_is_refused_by_its_field(home: Home, typed: object, words: str) -> None:
    code, out, err = await home.bind("--stdin", typed=typed)
    assert (code, out) == (2, "")
    assert words in err
    assert "mark" not in err
    assert home.kept("exchange_session") is None


async def test_usage_is_told(home: Home) -> None:
    code, _out, err = await home.bind("--stdin", "--check")
    assert (code, "Only one of" in err) == (2, True)
    process = await home.start("-m", "agent", "bind", "--check")
    _out_bytes, err_bytes = await process.communicate()
    assert (process.returncode, b"--user NAME" in err_bytes) == (2, True)


async def test_a_session_from_standard_input_is_kept_encrypted_and_can_be_forgotten(home: Home) -> None:
    until = soon()
    code, out, err = await home.bind("--stdin", typed={"csrftoken": CSRF, "p20t": P20T, "expires_ms": until})
    assert (code, err) == (0, "")
    assert f"encrypted in {home.data / 'vault'}" in out
    assert "It ends on" in out
    kept = home.kept("exchange_session")
    assert kept is not None
    assert json.loads(kept) == {"csrftoken": CSRF, "p20t": P20T, "expires_ms": until}
    assert home.files_with(CSRF, P20T, PASSPHRASE) == []
    assert not any(mark in out for mark in (CSRF, P20T, PASSPHRASE))
    assert (await home.bind("--forget"))[0] == 0
    assert home.kept("exchange_session") is None


async def test_a_session_of_unknown_end_says_so(home: Home) -> None:
    _code, out, _err = await home.bind("--stdin", typed={"csrftoken": CSRF, "p20t": P20T})
    assert "five days at most" in out


async def test_without_keyring_and_passphrase_it_is_refused_before_anything_is_lost(home: Home) -> None:
    del home.environment["AGENT_VAULT_PASSPHRASE_FILE"]
    home.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    for arguments in (("--stdin",), ()):
        code, _out, err = await home.bind(*arguments, typed={"csrftoken": CSRF, "p20t": P20T})
        assert code == 1
        assert err == "agent: no keyring works here, and nobody is there to type a passphrase\n"


def at_a_terminal(home: Home, given: object, *answers: str) -> tuple[int, str]:
    """Run `agent bind --stdin` with a pipe for its data and a terminal for its questions; exit code and screen."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "bind", "--user", "alice", "--stdin"],
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=terminal,
        env=home.environment,
        cwd=home.data.parent,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    assert process.stdin is not None
    process.stdin.write(json.dumps(given).encode())
    process.stdin.close()
    screen = b""
    for answer in (*answers, None):
        while (piece := _read(controller)) and not (screen := screen + piece).endswith(b": "):
            pass
        if answer is not None:
            os.write(controller, answer.encode() + b"\n")
    os.close(controller)
    return process.wait(30), screen.decode()


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 4096)
    except OSError:
        return b""  # the other side is closed


def test_the_passphrase_is_asked_for_at_the_terminal_while_the_session_comes_by_a_pipe(home: Home) -> None:
    del home.environment["AGENT_VAULT_PASSPHRASE_FILE"]
    home.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    session = {"csrftoken": CSRF, "p20t": P20T}
    code, screen = at_a_terminal(home, session, PASSPHRASE, "another")
    assert (code, "differ" in screen) == (1, True)
    code, screen = at_a_terminal(home, session, PASSPHRASE, PASSPHRASE)
    assert (code, "is bound" in screen, PASSPHRASE in screen) == (0, True, False)
    code, screen = at_a_terminal(home, session, "wrong")
    assert (code, "does not open" in screen) == (1, True)
    assert home.kept("exchange_session") is not None


def as_typed(session: Session) -> dict[str, object]:
    return {"csrftoken": session.csrftoken, "p20t": session.p20t, "expires_ms": session.expires_ms}


async def checked(home: Home) -> tuple[int, str]:
    code, out, _err = await home.bind("--check", "--json")
    return code, json.loads(out)["state"]


async def test_the_exchange_is_asked_whether_the_session_is_valid(home: Home, exchange: Exchange) -> None:
    assert await checked(home) == (1, "unbound")
    await home.bind("--stdin", typed=as_typed(exchange.log_in()))
    assert await checked(home) == (0, "bound")
    assert "The exchange takes the session. It ends on" in (await home.bind("--check"))[1]
    exchange.account.end_sessions()
    assert await checked(home) == (1, "over")
    assert "has ended: run agent bind" in (await home.bind("--check"))[1]
    await exchange.stop()
    assert await checked(home) == (3, "unknown")
    assert exchange.witness.orders == []


async def test_an_api_key_that_may_only_read_is_kept(home: Home) -> None:
    code, out, err = await home.bind("--history-key", typed={"key": KEY, "secret": SECRET})
    assert (code, err) == (0, "")
    assert "it may only read" in out
    kept = home.kept("history_key")
    assert kept is not None
    assert json.loads(kept) == {"key": KEY, "secret": SECRET}
    assert home.files_with(KEY, SECRET) == []


@pytest.mark.parametrize("right", ["enableWithdrawals", "enableFutures", "enableSpotAndMarginTrading"])
async def test_an_api_key_that_may_do_more_is_refused(home: Home, exchange: Exchange, right: str) -> None:
    exchange.history.may[right] = True
    code, _out, err = await home.bind("--history-key", typed={"key": KEY, "secret": SECRET})
    assert (code, right in err, KEY in err, SECRET in err) == (1, True, False, False)
    assert home.kept("history_key") is None


async def test_an_api_key_is_asked_about_before_it_is_kept(home: Home, exchange: Exchange) -> None:
    code, _out, err = await home.bind("--history-key", typed={"key": "wrong-key", "secret": SECRET})
    assert (code, "does not take this API key" in err) == (1, True)
    assert (await home.bind("--history-key", typed={"key": "short"}))[0] == 2
    await exchange.stop()
    code, _out, err = await home.bind("--history-key", typed={"key": KEY, "secret": SECRET})
    assert (code, "out of reach" in err) == (3, True)
    assert home.kept("history_key") is None


async def test_a_scanned_qr_binds_the_session(home: Home, exchange: Exchange) -> None:
    process = await home.start("-m", "agent", "bind", "--user", "alice")
    assert process.stdout is not None
    drawn = await asyncio.wait_for(process.stdout.readuntil(b"QR code 1 of 4"), 30)
    assert exchange.login.scan()
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (0, b"")
    [session] = exchange.account.sessions.values()
    kept = home.kept("exchange_session")
    assert kept is not None
    assert (json.loads(kept)["csrftoken"], json.loads(kept)["p20t"]) == (session.csrftoken, session.p20t)
    shown = (drawn + out).decode()
    assert shown.count("▄") + shown.count("█") > 100
    assert session.p20t not in shown
    assert home.files_with(session.p20t, session.csrftoken, PASSPHRASE) == []
    assert await checked(home) == (0, "bound")
    assert using(home.data) == {}
    assert list(home.data.rglob("Cookies"))
    await home.bind("--forget")
    assert not list(home.data.rglob("Cookies"))


async def test_ctrl_c_closes_the_browser_and_keeps_nothing(home: Home, exchange: Exchange) -> None:
    process = await home.start("-m", "agent", "bind", "--user", "alice")
    await eventually(lambda: exchange.login.shown, "a QR is shown")
    process.send_signal(signal.SIGINT)
    _out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (1, b"agent: the login was cancelled\n")
    assert using(home.data) == {}
    assert home.kept("exchange_session") is None


async def test_a_time_out_is_told_in_words(home: Home) -> None:
    code, _out, err = await home.bind("--timeout", "2")
    assert (code, err) == (1, "agent: nobody logged in before the time was over\n")


SCRIPT = """
from agent.drivers.binance import get_token
token = get_token(reset=RESET, headless=True)
import json
print("RESULT", json.dumps(token))
"""


async def script(home: Home, exchange: Exchange, *, reset: bool, scans: bool) -> dict[str, Any]:
    process = await home.start("-c", SCRIPT.replace("RESET", str(reset)))
    before = len(exchange.login.shown)
    if scans:
        await eventually(lambda: len(exchange.login.shown) > before and exchange.login.scan(), "a QR is scanned")
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert err == b""
    found: dict[str, Any] = json.loads(out.decode().rpartition("RESULT ")[2])
    return found


async def test_the_door_for_scripts_needs_a_qr_once(home: Home, exchange: Exchange) -> None:
    first = await script(home, exchange, reset=False, scans=True)
    assert set(first) == {"csrftoken", "p20t", "expirationTimestamp"}
    assert first["expirationTimestamp"] > time.time()
    assert exchange.account.sessions[first["p20t"]].csrftoken == first["csrftoken"]
    assert await script(home, exchange, reset=False, scans=False) == first
    assert (await script(home, exchange, reset=True, scans=True))["p20t"] != first["p20t"]


def test_each_way_to_end_has_its_sentence() -> None:
    assert {f"login.{result}" for result in Result} <= set(TEMPLATES)
