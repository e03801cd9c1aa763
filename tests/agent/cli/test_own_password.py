"""`agent password` at a real hub: the password changes, a login that is kept goes on, nothing is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.model.account import Owner
from agent.trading.accounts import Accounts
from agent.vault import Vault, open_vault
from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings

FIRST, SECOND, THIRD = "a first long password", "a second long password", "a third long password"


@pytest.fixture
def hub(start_hub: Callable[[HubSettings], HubProcess], embedded_stores: Stores) -> HubProcess:
    running = start_hub(HubSettings(embedded_stores.database_url, embedded_stores.redis_url))
    running.post("/api/admin/users/create", {"username": "alice", "password": FIRST})
    return running


def test_a_trader_changes_the_own_password(hub: HubProcess, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a phrase\n")
    vault = open_vault(tmp_path / "data", passphrase)

    def change(old: str, new: str, user: str = "alice") -> Any:
        given = ("password", "--user", user, "--server", hub.url, "--data-dir", str(tmp_path / "data"))
        environment = {"AGENT_VAULT_PASSPHRASE_FILE": str(passphrase)}
        done = CliRunner().invoke(app, [*given, "--password-stdin"], input=f"{old}\n{new}\n", env=environment)
        assert not {old, new} & set(done.output.split("\n"))
        return done

    wrong = change("not the password", SECOND)
    assert (wrong.exit_code, "is wrong" in wrong.stderr) == (1, True)
    weak = change(FIRST, "password123")
    assert (weak.exit_code, "tried first" in weak.stderr) == (1, True)

    first = _login(hub, FIRST)
    assert change(FIRST, SECOND).exit_code == 0
    assert _status(hub, first) == 401

    second = _login(hub, SECOND)
    _keep(vault, tmp_path, hub, second)
    by_token = change(SECOND, THIRD)
    assert (by_token.exit_code, "log in again" in by_token.stdout) == (0, False)
    assert _status(hub, second) == 200
    assert vault.get(f"{hub.url}/alice", "password") == THIRD

    assert _login(hub, THIRD) != second
    ended = change(THIRD, FIRST)
    assert (ended.exit_code, "log in again" in ended.stdout) == (0, True)
    assert _login(hub, FIRST)

    unsaid = CliRunner().invoke(
        app, ["password", "--user", "alice", "--server", hub.url, "--password-stdin"], input="x\n"
    )
    assert unsaid.exit_code == 2
    hub.stop()
    assert change(FIRST, SECOND).exit_code == 3


def test_no_password_leaves_in_the_clear() -> None:
    done = CliRunner().invoke(
        app,
        ["password", "--user", "a", "--server", "http://192.0.2.1", "--password-stdin"],
        input=f"{FIRST}\n{SECOND}\n",
    )
    assert (done.exit_code, "plain http" in done.stderr) == (2, True)


def _login(hub: HubProcess, password: str) -> str:
    return str(hub.post("/api/auth/login", {"username": "alice", "password": password})["token"])


def _keep(vault: Vault, home: Path, hub: HubProcess, token: str) -> None:
    vault.put(Accounts(home / "data").keys(Owner(hub.url, "alice"))[0], "hub_token", token)
    vault.put(f"{hub.url}/alice", "password", "an older one")


def _status(hub: HubProcess, token: str) -> int:
    try:
        hub.get("/api/auth/verify", token)
    except HTTPError as error:
        return error.code
    return 200
