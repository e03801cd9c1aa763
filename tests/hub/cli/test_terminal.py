"""The program in a process of its own: on a terminal, in a pipe, interrupted, and in another language."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.services.hub_process import clean_environment
from tests.services.process import heeding_ctrl_c
from tests.services.waiting import wait_until

from .conftest import TOKEN
from .shapes import agent, funnel, listed, order, user
from .stand_in import StandIn, data, silent

PUBLISH = ("orders", "publish", "btcusdt", "long", "10m", "--valid", "60")


def environment(home: Path, **extra: str) -> dict[str, str]:
    return clean_environment(home) | {"LANG": "C.UTF-8", "HUB_DATA_DIR": str(home / "data")} | extra


def start(
    home: Path, stand_in: StandIn, *arguments: str, extra: Mapping[str, str] = MappingProxyType({}), **pipes: int
) -> "subprocess.Popen[str]":
    env = environment(home, HUB_URL=stand_in.url, HUB_ADMIN_TOKEN=TOKEN)
    if "stdout" in pipes:
        env = {name: value for name, value in env.items() if name != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "100"}
    env |= extra
    default = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "hub", *arguments]
    with heeding_ctrl_c():
        return subprocess.Popen(command, env=env, cwd=home, text=True, **(default | pipes))  # type: ignore[call-overload,no-any-return]


def run(home: Path, *arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        env=environment(home, **extra),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


class Terminal:
    """A pseudo-terminal: what a program shows on it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def close(self) -> None:
        self._reader.join()
        os.close(self._descriptor)

    def _read(self) -> None:
        while chunk := self._chunk():
            self._shown += chunk

    def _chunk(self) -> bytes:
        try:
            return os.read(self._descriptor, 4096)
        except OSError:
            return b""  # Linux says EIO when the last program has left the terminal


@contextmanager
def on_terminal(
    home: Path, stand_in: StandIn, *arguments: str, **extra: str
) -> Iterator[tuple["subprocess.Popen[str]", Terminal]]:
    ours, theirs = pty.openpty()
    child = start(home, stand_in, *arguments, extra=extra, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    terminal = Terminal(ours)
    try:
        yield child, terminal
    finally:
        child.kill()
        child.wait()
        terminal.close()


def test_on_a_terminal_the_funnel_is_drawn_in_place(home: Path, stand_in: StandIn) -> None:
    opened = order(is_settled=False, funnel=funnel(acked=0))
    stand_in.on("GET /api/orders/12", data(opened), data(opened), data(order()))
    with on_terminal(home, stand_in, "orders", "watch", "12") as (child, terminal):
        assert child.wait(60) == 0
    shown = terminal.shown
    assert "█" in shown
    assert "\x1b[" in shown
    assert re.search(r"success .*5", shown)
    assert shown.endswith("\x1b[?25h"), "the cursor is shown again"


def test_a_list_that_is_longer_than_the_terminal_goes_through_the_pager(home: Path, stand_in: StandIn) -> None:
    pager = home / "pager"
    pager.write_text(f"#!{sys.executable}\nimport sys\nprint(len(sys.stdin.read().splitlines()), 'lines')\n")
    pager.chmod(0o700)
    for rows, says in ((60, "61 lines"), (3, "user2")):
        stand_in.on("GET /api/admin/users", data(listed(*(user(username=f"user{at}") for at in range(rows)))))
        with on_terminal(home, stand_in, "users", "list", PAGER=str(pager)) as (child, terminal):
            assert child.wait(60) == 0
        assert says in terminal.shown
        assert ("lines" in terminal.shown) == (rows == 60)


def test_lists_fit_80_columns(home: Path, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders", data(listed(order(outcomes=funnel(success=5, failed=1)["outcomes"]))))
    stand_in.on(
        "GET /api/admin/users",
        data(
            listed(
                user(username="a_trader_of_23_letters_", expire_at="2027-01-02 03:04:05", expire_ms=1_798_859_045_000)
            )
        ),
    )
    stand_in.on(
        "GET /api/admin/agents",
        data(listed(agent(device_id="92ecde46-ce75-55c6-a9a5-e221ea33160f", driver="binance-web"))),
    )
    for group in ("orders", "users", "agents"):
        with on_terminal(home, stand_in, group, "list", COLUMNS="80") as (child, terminal):
            assert child.wait(60) == 0
        lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in terminal.shown.splitlines()]
        table = [line for line in lines if line.strip() and "Asking" not in line]
        assert max(map(len, table)) <= 80
        assert len(table) <= (4 if group == "orders" else 2), table


def test_serve_says_on_a_terminal_where_it_listens_and_what_to_type_next(home: Path, stand_in: StandIn) -> None:
    with on_terminal(home, stand_in, "serve", "--port", "0") as (child, terminal):
        wait_until(lambda: "Ctrl-C ends the hub." in terminal.shown, "what to type next", 60)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
    assert re.search(r"The hub listens at http://127\.0\.0\.1:[1-9]\d+", terminal.shown)
    assert f"database: {home / 'data' / 'hub.db'}" in terminal.shown
    assert TOKEN not in terminal.shown


def test_a_password_is_asked_for_twice_and_not_echoed(home: Path, stand_in: StandIn) -> None:
    stand_in.on("POST /api/admin/users/create", data({"user_id": 3}))
    with on_terminal(home, stand_in, "users", "add", "ann") as (child, terminal):
        for prompt in ("Password: ", "Once more: "):
            wait_until(lambda prompt=prompt: terminal.shown.endswith(prompt), prompt)  # type: ignore[misc]
            terminal.type("correct horse\n")
        assert child.wait(60) == 0
    assert "correct horse" not in terminal.shown
    assert stand_in.asked[0].body["password"] == "correct horse"


def test_two_passwords_that_differ_are_not_sent(home: Path, stand_in: StandIn) -> None:
    with on_terminal(home, stand_in, "users", "add", "ann") as (child, terminal):
        for prompt, answer in (("Password: ", "correct horse\n"), ("Once more: ", "correct house\n")):
            wait_until(lambda prompt=prompt: terminal.shown.endswith(prompt), prompt)  # type: ignore[misc]
            terminal.type(answer)
        assert child.wait(60) == 2
    assert "differ" in terminal.shown
    assert stand_in.asked == []


def test_ctrl_c_at_a_prompt_ends_with_130(home: Path, stand_in: StandIn) -> None:
    with on_terminal(home, stand_in, "users", "add", "ann") as (child, terminal):
        wait_until(lambda: terminal.shown.endswith("Password: "), "the prompt")
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
    assert "Traceback" not in terminal.shown


def test_ctrl_c_ends_a_watch_well(home: Path, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order(is_settled=False)))
    child = start(home, stand_in, "orders", "watch", "12")
    wait_until(lambda: len(stand_in.asked) >= 2, "the watch has begun")
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "hub orders watch 12" in err
    assert "Traceback" not in err


def test_ctrl_c_while_publishing_tells_the_key(home: Path, stand_in: StandIn) -> None:
    stand_in.on("POST /api/orders/create", silent)
    child = start(home, stand_in, *PUBLISH)
    wait_until(lambda: stand_in.asked, "the order is on its way")
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"--idempotency-key {stand_in.asked[0].headers['idempotency-key']}" in err
    assert "Traceback" not in err


def test_in_a_pipe_everything_is_plain(home: Path, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order(is_settled=False)), data(order()))
    for arguments in (("orders", "watch", "12"), ("orders", "show", "12"), ("orders", "--help"), ("orders", "x")):
        child = start(home, stand_in, *arguments)
        out, err = child.communicate(timeout=60)
        assert "\x1b" not in out + err


def test_a_terminal_without_these_signs_costs_no_command(home: Path, stand_in: StandIn) -> None:
    stand_in.on("GET /api/orders/12", data(order()))
    done = run(home, "orders", "show", "12", HUB_URL=stand_in.url, HUB_ADMIN_TOKEN=TOKEN, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "success" in done.stdout


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_help_is_in_the_readers_language_with_an_example(home: Path, language: str) -> None:
    done = run(home, "orders", "publish", "--help", HUB_LANGUAGE=language)
    start, end = {"en": ("Publish an order", "Example: hub"), "zh_CN": ("将订单发布给", "示例：hub")}[language]
    assert start in done.stdout
    assert end in done.stdout


def test_errors_are_in_the_readers_language(home: Path) -> None:
    done = run(home, "orders", "list", HUB_LANGUAGE="zh_CN", HUB_URL="https://hub.invalid")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("错误：尚未登录 https://hub.invalid。")


def test_the_commands_that_talk_http_load_no_server(home: Path) -> None:
    server = ("sqlalchemy", "redis", "uvicorn", "starlette", "argon2")
    code = f"import sys, hub.__main__, hub.cli.access; print([m for m in sys.modules if m in {server}])"
    assert in_python(home, code) == "[]\n"


def test_help_loads_nothing_that_is_slow(home: Path) -> None:
    slow = ("sqlalchemy", "redis", "uvicorn", "starlette", "argon2", "aiohttp", "pydantic_settings", "yaml", "babel")
    code = f"""
import sys
from hub.__main__ import main
assert main(["--help"]) == 0
print("slow:", [m for m in sys.modules if m in {slow}])
"""
    assert in_python(home, code).splitlines()[-1] == "slow: []"


def in_python(home: Path, code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], env=environment(home), cwd=home, capture_output=True, text=True, check=True
    ).stdout
