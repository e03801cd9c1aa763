"""`hub users import`: checked whole first, passwords for their owner alone, all of them or nobody."""

import csv
import json
import stat
from pathlib import Path

import pytest

from .conftest import Hub
from .shapes import listed, user
from .stand_in import StandIn, broken, data, envelope

IMPORT = "POST /api/admin/users/import"
WRONG = """\
name,role,expiry,groups
carl,trader,30d,
dora,king,2020-01-01,night
x,,yesterday,
carl,,,
eve,,,,more
"""
FAULTS = [
    "  line 2: name: carl stands here more than once",
    "  line 3: role: takes trader or admin, not 'king'",
    "  line 3: groups: there are none yet; leave it empty",
    "  line 3: expiry: 2020-01-01 is past",
    "  line 4: name: takes 3 to 50 letters, digits or . _ @ + -",
    "  line 4: expiry: 'yesterday' is no time; takes 2027-01-31, '2027-01-31 18:00:00', 30d, 12h or never",
    "  line 5: name: carl stands here more than once",
    "  line 6: there are more values than columns",
]


@pytest.fixture
def hub_of_nobody(stand_in: StandIn) -> StandIn:
    stand_in.on("GET /api/admin/users", data(listed(user())))
    stand_in.on(IMPORT, data({"user_ids": []}), data({"user_ids": [4, 5]}))
    return stand_in


def written(home: Path, text: str, name: str = "traders.csv") -> str:
    (home / name).write_text(text, encoding="utf-8")
    return name


def test_every_mistake_is_said_with_its_line_and_nothing_is_sent(hub: Hub, hub_of_nobody: StandIn, home: Path) -> None:
    run = hub("users", "import", written(home, WRONG))
    assert (run.code, run.out) == (2, "")
    assert run.err.splitlines() == ["Error: traders.csv has mistakes; nobody was added:", *FAULTS]
    assert IMPORT not in hub_of_nobody.paths()
    assert not (home / "traders.password").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name;role\n", "does not name its columns"),
        (b"", "does not name its columns"),
        (b"name,name\nann,bob\n", "does not name its columns"),
        (b"name\n", "has no user in it"),
        ("name\n张三三\n".encode("gbk"), "is not UTF-8"),
        (b'name\n"ann\n', "line 2: is no CSV"),
        (b"name\n" + b"".join(b"user%d\n" % number for number in range(1_001)), "takes at most 1,000"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_file_of_users_is_said(
    hub: Hub, hub_of_nobody: StandIn, home: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (home / "traders.csv").write_bytes(content)
    run = hub("users", "import", "traders.csv")
    assert (run.code, run.out) == (2, "")
    assert says in run.err
    assert "Traceback" not in run.err
    assert IMPORT not in hub_of_nobody.paths()


def test_passwords_are_made_where_none_are_given_and_kept_for_their_owner_alone(
    hub: Hub, hub_of_nobody: StandIn, home: Path
) -> None:
    file = written(home, "\ufeffName,role,expiry,password\ncarl,trader,2099-01-31,\ndora,admin,,correct horse\n")
    run = hub("users", "import", file)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[0] == "2 users added."
    kept = home / "traders.password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    ((name, made),) = list(csv.reader(kept.read_text().splitlines()))[1:]
    assert (name, len(made)) == ("carl", 16)
    assert made not in run.out
    assert [asked.body for asked in hub_of_nobody.asked if asked.method == "POST"][1] == {
        "users": [
            {"username": "carl", "password": made, "role": "trader", "expire_at": "2099-01-31 00:00:00"},
            {"username": "dora", "password": "correct horse", "role": "admin"},
        ]
    }


def test_a_dry_run_asks_the_hub_and_leaves_nothing(hub: Hub, hub_of_nobody: StandIn, home: Path) -> None:
    run = hub("users", "import", written(home, "name\ncarl\n"), "--dry-run")
    assert run.out == "1 users can be added, and 1 passwords would be made. Nothing was stored.\n"
    assert [asked.body["dry_run"] for asked in hub_of_nobody.asked if asked.method == "POST"] == [True]
    assert not (home / "traders.password").exists()


def test_an_earlier_file_of_passwords_is_never_written_over(hub: Hub, hub_of_nobody: StandIn, home: Path) -> None:
    (home / "traders.password").write_text("of yesterday")
    run = hub("users", "import", written(home, "name\ncarl\n"))
    assert run.code == 2
    assert "is there already" in run.err
    assert (home / "traders.password").read_text() == "of yesterday"
    assert len([asked for asked in hub_of_nobody.asked if asked.method == "POST"]) == 1
    elsewhere = hub("users", "import", "traders.csv", "--passwords", "new.password", "--json")
    assert json.loads(elsewhere.out) == {"users": 1, "user_ids": [4, 5], "passwords": "new.password"}


def test_names_that_are_taken_are_said_with_their_lines(hub: Hub, stand_in: StandIn, home: Path) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user())))
    stand_in.on(IMPORT, envelope(409, "users: taken: ann, dora"))
    run = hub("users", "import", written(home, "name\nann\ncarl\n\ndora\n"))
    assert run.err.splitlines()[1:] == ["  line 2: name: ann is taken", "  line 5: name: dora is taken"]
    assert not (home / "traders.password").exists()


def test_where_the_answer_is_lost_the_passwords_stay(hub: Hub, stand_in: StandIn, home: Path) -> None:
    stand_in.on("GET /api/admin/users", data(listed(user())))
    stand_in.on(IMPORT, data({"user_ids": []}), broken)
    run = hub("users", "import", written(home, "name\ncarl\n"))
    assert run.code == 3
    assert "Either all were added or none" in run.err
    assert "carl," in (home / "traders.password").read_text()
