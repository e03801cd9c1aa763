"""However odd a store's URL is, no sign of its password is said, and nothing ends with a trace."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.services.hub_process import clean_environment
from tests.services.waiting import wait_until

from .conftest import Hub

PIECES: Final = ("w0nder", "fa11@", "4711")
"""What the passwords below are made of; nothing else that is printed has any of it."""
AMBIGUOUS: Final = [
    *(f"w0nder{sign}fa11" for sign in "/?#[]@ \n\t\x00"),
    *(f"4711{sign}w0nder" for sign in "/?#"),
]
"""Passwords that an address does not hold as they are: some could be read as a host, a port or a database."""
PLAIN: Final = [
    "w0nderfa11",
    "w0nder\\fa11",
    "w0nder:fa11",
    "w0nder%fa11",
    "w0nder%2Ffa11",
    "w0nder\u00e9fa11",
    "w0nder\u2603fa11",
]

DATABASES: Final = {
    **{password: f"mysql+asyncmy://hub:{password}@127.0.0.1:9/orders" for password in AMBIGUOUS},
    "no database": "mysql+asyncmy://hub:4711/w0nder@127.0.0.1:9",
    "a port over 65535": "mysql+asyncmy://hub:w0nderfa11@127.0.0.1:99999/orders",
    "half an IPv6 address": "mysql+asyncmy://hub:w0nderfa11@[::1/orders",
    "a driver that we do not use": "mysql://hub:w0nderfa11@127.0.0.1:9/orders",
    "no scheme": "hub:w0nderfa11@127.0.0.1:9/orders",
    "one slash": "mysql+asyncmy:/hub:w0nderfa11@127.0.0.1:9/orders",
    "a second line": "mysql+asyncmy://hub:w0nderfa11@127.0.0.1:9/orders\nw0nder",
    "a password in the query": "mysql+asyncmy://hub@127.0.0.1:9/orders?password=w0nderfa11",
}
OUT_OF_REACH: Final = {
    **{password: f"mysql+asyncmy://hub:{password}@127.0.0.1:9/orders" for password in PLAIN},
    "no host": "mysql+asyncmy://hub:w0nderfa11@:9/orders",
    "a host that is none": "mysql+asyncmy://hub:w0nderfa11@-:9/orders",
    "an option that is none": "mysql+asyncmy://hub:w0nderfa11@127.0.0.1:9/orders?odd=1",
}
REDIS: Final = {
    **{password: f"redis://:{password}@127.0.0.1:9/0" for password in AMBIGUOUS + PLAIN},
    "a port over 65535": "redis://:w0nderfa11@127.0.0.1:99999/0",
    "a password in the query": "redis://127.0.0.1:9/0?password=w0nderfa11",
    "a number that is none": "redis://:w0nderfa11@127.0.0.1:9/0?db=w0nder",
    "an option that is none": "redis://:w0nderfa11@127.0.0.1:9/0?odd=1",
    "a socket": "unix://:w0nderfa11@/nowhere.sock",
    "a socket, ambiguous": "unix://:w0nder/fa11@/nowhere.sock",
    "TLS with a file that is none": "rediss://:w0nderfa11@127.0.0.1:9/0?ssl_ca_certs=/nowhere",
    "one slash": "redis:/:w0nderfa11@127.0.0.1:9/0",
    "no scheme": ":w0nderfa11@127.0.0.1:9",
}


def is_told(text: str) -> list[str]:
    """What of a password or a trace stands in a text."""
    bare = text.replace(":password@", "")  # of the sentence that says what a setting takes
    return [piece for piece in (*PIECES, "Traceback") if piece in bare]


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("command", ["settings", "migrate"])
def test_a_database_that_cannot_be_meant_is_refused_without_a_word_of_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    _set(monkeypatch, "HUB_DATABASE_URL", DATABASES[name])
    run = hub(command)
    assert (run.code, is_told(run.out + run.err)) == (2, [])
    assert "HUB_DATABASE_URL" in run.err


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_a_database_out_of_reach_is_named_without_its_password(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _set(monkeypatch, "HUB_DATABASE_URL", OUT_OF_REACH[name])
    runs = [hub(*command) for command in (("settings",), ("settings", "--json"), ("doctor",), ("migrate",))]
    assert [(run.code, is_told(run.out + run.err)) for run in runs] == [(0, []), (0, []), (1, []), (3, [])]


@pytest.mark.parametrize("name", REDIS)
def test_a_redis_is_named_without_its_password(hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _set(monkeypatch, "HUB_REDIS_URL", REDIS[name])
    shown, found = hub("settings"), hub("doctor")
    if "db=w0nder" not in REDIS[name]:
        assert is_told(shown.out + shown.err) == []
    assert (found.code, is_told(found.out + found.err)) == (2 if shown.code else 1, [])


@pytest.mark.faults
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["w0nderfa11", "w0nder%fa11", "an option that is none", "a number that is none"])
def test_a_hub_that_serves_without_its_redis_logs_no_password(home: Path, name: str, workers: int) -> None:
    environment = clean_environment(home) | {"HUB_DATA_DIR": str(home / "data"), "HUB_REDIS_URL": REDIS[name]}
    command = [sys.executable, "-m", "hub", "serve", "--port", "0", "--workers", str(workers)]
    log = home / "log"
    with log.open("w") as file, subprocess.Popen(command, env=environment, stdout=file, stderr=file) as hub:
        try:
            waits = "a service waits"
            wait_until(lambda: log.read_text().count(waits) >= workers or hub.poll() is not None, "it has tried")
        finally:
            hub.terminate()
    assert "out of reach" in log.read_text()
    assert is_told(log.read_text()) == []


def _set(monkeypatch: pytest.MonkeyPatch, variable: str, url: str) -> None:
    """The environment holds no zero byte; a settings file does."""
    if "\x00" not in url:
        monkeypatch.setenv(variable, url)
        return
    name = variable.removeprefix("HUB_").lower()
    Path("hub.yaml").write_text(f'{name}: "{url}"\n'.replace("\x00", "\\0"), encoding="utf-8")
