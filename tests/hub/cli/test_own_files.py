"""What the hub keeps on its machine is its own user's alone: made so, mended where it was not, and looked at."""

from pathlib import Path

import pytest

from tests.kit.modes import mode

from .conftest import Hub

pytestmark = pytest.mark.usefixtures("careless_umask")


def test_what_a_command_makes_is_its_owners_alone_whatever_the_shell_allows(hub: Hub, home: Path) -> None:
    assert hub("migrate").code == 0
    made = [home / "data", *(home / "data").iterdir()]
    assert {path.name: oct(mode(path)) for path in made if mode(path) & 0o077} == {}
    assert home / "data" / "hub.db" in made


def test_what_an_older_hub_left_open_is_closed_and_said_in_one_line(hub: Hub, home: Path) -> None:
    data = home / "data"
    assert hub("migrate").code == 0
    (data / "jwt_secret").write_text("s" * 43)
    (data / "of-somebody-else").touch()
    for path, was in (
        (data, 0o755),
        (data / "hub.db", 0o644),
        (data / "jwt_secret", 0o640),
        (data / "of-somebody-else", 0o644),
    ):
        path.chmod(was)
    doctor = hub("doctor")
    assert doctor.code == 1
    assert f"others can read {data}, {data}/jwt_secret, {data}/hub.db" in doctor.out
    migrated = hub("migrate")
    assert migrated.code == 0
    assert [line for line in migrated.err.splitlines() if "only their owner can" in line] == [
        f"Others could read these; now only their owner can: {data}, {data}/jwt_secret, {data}/hub.db"
    ]
    assert [mode(path) for path in (data, data / "hub.db", data / "jwt_secret")] == [0o700, 0o600, 0o600]
    assert mode(data / "of-somebody-else") == 0o644
    assert f"{data} is its owner's alone" in hub("doctor").out
    assert "only their owner" not in hub("migrate").err


def test_a_database_outside_of_the_data_directory_is_closed_and_its_folder_left_alone(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = home / "elsewhere"
    elsewhere.mkdir(0o755)
    elsewhere.chmod(0o755)
    (elsewhere / "orders.db").touch(0o644)
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite+aiosqlite:///{elsewhere}/orders.db")
    assert hub("migrate").code == 0
    assert [mode(path) for path in (elsewhere, elsewhere / "orders.db")] == [0o755, 0o600]


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_a_directory_that_everybody_shares_is_refused_with_what_to_do(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (home / "shared").mkdir()
    (home / "shared").chmod(0o1777)
    monkeypatch.setenv("HUB_DATA_DIR", str(home / "shared"))
    refused = hub(command)
    assert refused.code == 1
    assert "a directory that everybody shares" in refused.err
    assert "HUB_DATA_DIR" in refused.err
    assert list((home / "shared").iterdir()) == []
