"""The command line on a real hub, with traders that poll: what an admin does in a day."""

import io
import json
import re
import tempfile
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.waiting import wait_until

from .conftest import Hub, Run

Cli = Callable[..., Run]

PASSWORD = "correct horse"
PUBLISH = ("orders", "publish", "btcusdt", "long", "10m")

TRADERS = ("ann", "bob", "cyd")


def with_traders(hub: HubProcess) -> HubProcess:
    for name in TRADERS:
        hub.post("/api/admin/users/create", {"username": name, "password": PASSWORD})
    return hub


@pytest.fixture(scope="module")
def server(services_dir: Path) -> Iterator[HubProcess]:
    """One hub on the embedded default for all of these tests, with three traders."""
    with tempfile.TemporaryDirectory(dir=services_dir) as directory:
        hub = HubProcess(Path(directory))
        hub.start()
        try:
            yield with_traders(hub)
            assert hub.is_running(), hub.log_end()
        finally:
            hub.kill()


@pytest.fixture
def on_servers(start_hub: Callable[[HubSettings], HubProcess], server_stores: Stores) -> HubProcess:
    """The same on MariaDB and Redis."""
    return with_traders(start_hub(HubSettings(server_stores.database_url, server_stores.redis_url)))


@pytest.fixture
def cli(server: HubProcess, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`cli("users", "add", …, typed=password)`: a command as the operator of `server` runs it."""
    for name, value in server.environment().items():
        if name.startswith("HUB_"):
            monkeypatch.setenv(name, value)

    def run(*arguments: str, typed: str = "") -> Run:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        return hub(*arguments)

    return run


def done(answer: Run) -> str:
    """What a command that must succeed printed."""
    assert answer.code == 0, answer.err
    assert "\x1b" not in answer.out + answer.err
    return answer.out


def data(answer: Run) -> Any:
    return json.loads(done(answer))


def log_in(hub: HubProcess, name: str, password: str = PASSWORD) -> str:
    return str(hub.post("/api/auth/login", {"username": name, "password": password})["token"])


def trade(hub: HubProcess, token: str, success: bool) -> None:
    """One trader's part: take the order, and say what came of it."""
    order = hub.get("/api/orders/pull", token)["order"]
    result = {"success": success, "message": "placed", "data": None}
    hub.post("/api/orders/record-result", {"order_id": order["id"], "result": result}, token)


def status_of(refused: Callable[[], object]) -> int:
    with pytest.raises(urllib.error.HTTPError) as info:
        refused()
    return info.value.code


def run_alone(hub: HubProcess, *arguments: str) -> Run:
    answer = hub.cli(*arguments)
    return Run(answer.returncode, answer.stdout, answer.stderr)


def test_an_order_from_publishing_to_its_funnel(on_servers: HubProcess) -> None:
    """In processes of their own, on MariaDB and Redis; the others run in this process, on the embedded default."""
    tokens = {name: log_in(on_servers, name) for name in TRADERS}
    published = data(run_alone(on_servers, *PUBLISH, "--valid", "60", "--to", "ann", "--to", "bob", "--json"))
    order_id = published["order_id"]
    trade(on_servers, tokens["ann"], success=True)
    trade(on_servers, tokens["bob"], success=False)
    assert on_servers.get("/api/orders/pull", tokens["cyd"])["order"] is None

    watched = done(run_alone(on_servers, "orders", "watch", str(order_id), "--timeout", "30")).splitlines()
    assert watched[-1].endswith("acked 2 → success 1, failed 1")
    detail = data(run_alone(on_servers, "orders", "show", str(order_id), "--json"))
    assert detail["is_settled"]
    assert {row["username"]: row["outcome"] for row in detail["assignments"]} == {"ann": "success", "bob": "failed"}
    assert "targeted" in done(run_alone(on_servers, "orders", "show", str(order_id)))


def test_an_order_that_nobody_takes_is_settled_when_its_window_is_over(cli: Cli) -> None:
    answer = cli(*PUBLISH, "--valid", "1", "--to", "ann", "--watch", "--timeout", "30")
    last = done(answer).splitlines()[-1]
    assert "targeted 1 → claimed 0 (-1: 1 not connected)" in last
    wait_until(lambda: data(cli("orders", "list", "--status", "expired", "--json"))["list"], "the sweep")


def test_the_same_key_is_the_same_order_and_another_order_under_it_is_refused(cli: Cli) -> None:
    key = ("--to", "cyd", "--idempotency-key", "morning-1")
    first = data(cli(*PUBLISH, "--valid", "60", *key, "--json"))
    assert data(cli(*PUBLISH, "--valid", "60", *key, "--json")) == first
    other = cli(*PUBLISH, "--valid", "61", *key)
    assert other.code == 1
    assert "Idempotency-Key" in other.err
    newest = data(cli("orders", "list", "--page-size", "2", "--json"))["list"]
    assert [row["id"] for row in newest if row["id"] >= first["order_id"]] == [first["order_id"]]


def test_a_cancelled_order_goes_to_nobody(server: HubProcess, cli: Cli) -> None:
    token = log_in(server, "ann")
    order_id = str(data(cli(*PUBLISH, "--valid", "60", "--to", "ann", "--json"))["order_id"])
    done(cli("orders", "cancel", order_id, "--reason", "wrong way"))
    assert server.get("/api/orders/pull", token)["order"] is None
    assert cli("orders", "cancel", order_id).code == 1
    listed = data(cli("orders", "list", "--status", "cancelled", "--json"))
    assert int(order_id) in [row["id"] for row in listed["list"]]
    assert "cancelled" in done(cli("orders", "list"))


def test_before_an_order_is_published_it_is_said_whom_it_reaches(server: HubProcess, cli: Cli) -> None:
    done(cli("users", "add", "late", "--expire", "2020-01-01", "--yes", "--password-stdin", typed=PASSWORD))
    answer = cli(*PUBLISH, "--valid", "1", "--to", "ann", "--to", "late")
    assert answer.err == "For traders: 1, connected now: 0. Expired or disabled accounts beside them: 1.\n"
    assert "published" in answer.out


def test_an_order_that_somebody_placed_is_not_called_expired_when_its_window_is_over(
    server: HubProcess, cli: Cli
) -> None:
    token = log_in(server, "bob")
    order_id = str(data(cli(*PUBLISH, "--valid", "2", "--to", "bob", "--json"))["order_id"])
    trade(server, token, success=True)

    def row() -> dict[str, Any]:
        rows = data(cli("orders", "list", "--symbol", "btcusdt", "--since", "1h", "--json"))["list"]
        return dict(next(one for one in rows if str(one["id"]) == order_id))

    wait_until(lambda: row()["status_text"] == "expired", "the sweep")
    assert row()["outcomes"]["success"] == 1
    line = next(line for line in done(cli("orders", "list")).splitlines() if line.startswith(f"{order_id} "))
    assert "settled" in line
    assert line.rstrip().endswith("1 success")
    assert "settled" in done(cli("orders", "show", order_id)).splitlines()[0]


def test_lists_are_filtered_by_the_hub(cli: Cli) -> None:
    done(cli("users", "add", "boss", "--role", "admin", "--password-stdin", typed=PASSWORD))
    admins = data(cli("users", "list", "--role", "admin", "--json"))["list"]
    assert [row["username"] for row in admins] == ["boss"]
    done(cli("users", "disable", "boss"))
    assert [row["id"] for row in data(cli("users", "list", "--status", "disabled", "--json"))["list"]] == [
        admins[0]["id"]
    ]
    assert data(cli("users", "list", "--since", "2099-01-01", "--json"))["list"] == []
    assert data(cli("orders", "list", "--symbol", "XRPUSDT", "--json")) == {"total": 0, "list": []}
    one = cli("users", "list", "--limit", "1", "--page", "2")
    assert len(done(one).splitlines()) == 2
    assert "1 of" in one.err
    assert "There is no page 99" in cli("users", "list", "--page", "99").err


def test_a_user_is_shown_by_name_or_number(cli: Cli) -> None:
    by_name = data(cli("users", "show", "ann", "--json"))
    assert (by_name["username"], by_name["agents"]) == ("ann", [])
    assert data(cli("users", "show", str(by_name["id"]), "--json")) == by_name
    assert re.search(r"^created +.* UTC$", done(cli("users", "show", "ann")), re.MULTILINE)
    assert cli("users", "show", "9999").code == 1


def test_a_file_of_users_is_added_whole_or_not_at_all(server: HubProcess, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("name,role,expiry\nimp1,trader,30d\nimp2,admin,never\n")
    done(cli("users", "import", str(file), "--dry-run"))
    assert data(cli("users", "list", "--name", "imp1", "--json"))["total"] == 0
    done(cli("users", "import", str(file)))
    password = (tmp_path / "new.password").read_text().splitlines()[1].partition(",")[2]
    assert log_in(server, "imp1", password)
    again = cli("users", "import", str(file), "--passwords", str(tmp_path / "more.password"))
    assert "line 2: name: imp1 is taken" in again.err
    file.write_text("name\nimp3\nimp1\n")
    assert cli("users", "import", str(file)).code == 2
    assert data(cli("users", "list", "--name", "imp3", "--json"))["total"] == 0


def test_what_is_refused_says_why(cli: Cli) -> None:
    for command, words in [
        ((*PUBLISH, "--valid", "60", "--to", "nobody"), "there is no trader 'nobody'"),
        (("orders", "show", "999"), "There is no order 999."),
        (("users", "disable", "nobody"), "There is no user 'nobody'"),
        (("users", "kick", "999"), "999"),
    ]:
        answer = cli(*command)
        assert (answer.code, answer.out) == (1, ""), command
        assert words in answer.err
    short = cli("users", "add", "dan", "--password-stdin", typed="short")
    assert short.code == 1
    assert "8 to 128" in short.err


def test_an_accounts_life(server: HubProcess, cli: Cli) -> None:
    done(cli("users", "add", "dora", "--password-stdin", typed=PASSWORD))
    token = log_in(server, "dora")
    done(cli("users", "disable", "dora"))
    assert status_of(lambda: server.get("/api/orders/pull", token)) in (401, 403)
    assert status_of(lambda: log_in(server, "dora")) == 403
    done(cli("users", "enable", "dora"))
    token = log_in(server, "dora")

    done(cli("users", "expire", "dora", "2020-01-01", "--yes"))
    assert status_of(lambda: server.get("/api/orders/pull", token)) in (401, 403)
    done(cli("users", "expire", "dora", "30d"))
    token = log_in(server, "dora")

    done(cli("users", "password", "dora", "--password-stdin", typed="another horse"))
    assert status_of(lambda: log_in(server, "dora")) == 401
    token = log_in(server, "dora", "another horse")
    done(cli("users", "kick", "dora"))
    assert status_of(lambda: server.get("/api/orders/pull", token)) == 401
    (dora,) = data(cli("users", "list", "--name", "dora", "--json"))["list"]
    assert dora["status_text"] == "active"
    assert dora["expire_at"] is not None


@pytest.fixture
def laptop(home: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Cli:
    """The command line where neither the token nor the hub's own files are."""
    monkeypatch.delenv("HUB_ADMIN_TOKEN")
    monkeypatch.setenv("HUB_DATA_DIR", str(home / "data"))
    return cli


def test_an_admin_logs_in_with_a_password_and_out_again(server: HubProcess, laptop: Cli) -> None:
    server.post("/api/admin/users/create", {"username": "chief", "password": PASSWORD, "role": "admin"})
    assert laptop("users", "list").code == 2
    assert laptop("login", "--user", "chief", "--password-stdin", typed="not my horse").code == 1
    done(laptop("login", "--user", "chief", "--password-stdin", typed=PASSWORD))
    assert data(laptop("users", "list", "--json"))["total"] > len(TRADERS)
    assert "No agent is connected." in laptop("agents", "list").err
    done(laptop("logout"))
    assert laptop("users", "list").code == 2


def test_a_trader_may_not_publish(laptop: Cli) -> None:
    done(laptop("login", "--user", "ann", "--password-stdin", typed=PASSWORD))
    answer = laptop(*PUBLISH, "--valid", "60")
    assert answer.code == 1
    assert "admin" in answer.err


def test_doctor_finds_a_served_hub_sound(cli: Cli) -> None:
    assert all(check["ok"] for check in data(cli("doctor", "--json")))
