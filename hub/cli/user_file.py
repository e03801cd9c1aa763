"""A file of users, read and checked whole: each mistake with its line. Reads the file and nothing else.

The invariant: what leaves here can be sent as one request; a password that was not given is made, and is nowhere but
here until `keep_passwords` writes the file that only its owner can read.
"""

import csv
import io
import os
import re
import secrets
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer

from hub.cli.arguments import has_passed, point_in_time
from hub.cli.errors import Misused
from hub.language import _

COLUMNS: Final = ("name", "role", "expiry", "password", "groups")
ROLES: Final = ("trader", "admin")
MOST: Final = 1_000
PASSWORD_BYTES: Final = 12


class NewUser(NamedTuple):
    """A line of the file. `is_made`: the password was not given."""

    line: int
    name: str
    role: str
    expiry: str | None
    password: str
    is_made: bool

    def body(self) -> dict[str, Any]:
        """As the hub takes it."""
        body = {"username": self.name, "password": self.password, "role": self.role}
        return body | ({"expire_at": self.expiry} if self.expiry else {})


def read_users(path: Path, offset_minutes: int) -> list[NewUser]:
    """The users of the file. `offset_minutes`: the hub's zone. Raises Misused with everything that is wrong."""
    rows = _rows(path)
    found = [_user(line, values, offset_minutes) for line, values in rows]
    wrong = [fault for one in found if isinstance(one, list) for fault in one]
    users = [one for one in found if isinstance(one, NewUser)]
    lines = [(line, values.get("name", "")) for line, values in rows]
    wrong += [
        _("line {line}: name: {name} stands here more than once").format(line=line, name=name)
        for line, name in lines
        if Counter(name for _line, name in lines)[name] > 1 and name
    ]
    if wrong:
        raise _faults(path, sorted(wrong, key=_line_of))
    if not users:
        raise Misused(_("{path} has no user in it.").format(path=path), _what_it_takes())
    if len(users) > MOST:
        raise Misused(
            _("{path} has {count} users; takes at most {most:,} at once.").format(
                path=path, count=f"{len(users):,}", most=MOST
            ),
            _("Split the file."),
        )
    return users


def taken(path: Path, users: list[NewUser], refusal: str) -> Misused | None:
    """The hub's refusal of names that exist, by lines; None where it is about something else."""
    if not refusal.startswith("users: taken: "):
        return None
    names = set(refusal.removeprefix("users: taken: ").split(", "))
    return _faults(
        path,
        [
            _("line {line}: name: {name} is taken").format(line=user.line, name=user.name)
            for user in users
            if user.name in names
        ],
    )


def keep_passwords(path: Path, users: list[NewUser]) -> None:
    """Writes the passwords that were made into a new file, mode 0600. Raises Misused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misused(
            _("{path} is there already, and may hold passwords of an earlier import.").format(path=path),
            _("Move it away, or name another file with --passwords."),
        ) from None
    except OSError as error:
        raise Misused(_("{path} cannot be written: {why}.").format(path=path, why=error.strerror)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "password"))
        writer.writerows((user.name, user.password) for user in users if user.is_made)
        file.flush()
        os.fsync(file.fileno())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Each line that is not empty, with its number. Raises Misused."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Misused(_("{path} cannot be read: {why}.").format(path=path, why=error.strerror)) from None
    except UnicodeDecodeError:
        raise Misused(_("{path} is not UTF-8.").format(path=path), _("Save it as CSV UTF-8.")) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise _faults(path, [_("line {line}: is no CSV ({why})").format(line=reader.line_num, why=error)]) from None
    lines = [(line, row) for line, row in lines if any(row)]
    names = [name.lower() for name in lines[0][1]] if lines else []
    if "name" not in names or set(names) - set(COLUMNS) or len(set(names)) < len(names):
        raise Misused(_("The first line of {path} does not name its columns.").format(path=path), _what_it_takes())
    return [(line, _named(names, row)) for line, row in lines[1:]]


def _named(names: list[str], row: list[str]) -> dict[str, str]:
    more = {"": _("there are more values than columns")} if len(row) > len(names) else {}
    return dict(zip(names, row, strict=False)) | more


def _user(line: int, values: dict[str, str], offset_minutes: int) -> NewUser | list[str]:
    """The user, or what is wrong with the line."""
    name, role, password = values.get("name", ""), values.get("role") or "trader", values.get("password", "")
    wrong = [values[""]] if "" in values else []
    if not re.fullmatch(r"[\w.@+-]{3,50}", name):
        wrong.append(_("name: takes 3 to 50 letters, digits or . _ @ + -"))
    if role not in ROLES:
        wrong.append(_("role: takes trader or admin, not {value}").format(value=repr(role)))
    if password and not 8 <= len(password) <= 128:
        wrong.append(_("password: takes 8 to 128 characters"))
    if values.get("groups"):
        wrong.append(_("groups: there are none yet; leave it empty"))
    try:
        expiry = point_in_time(values.get("expiry") or None)
        if expiry and has_passed(expiry, offset_minutes):
            wrong.append(_("expiry: {value} is past").format(value=values["expiry"]))
    except typer.BadParameter as error:
        wrong.append(_("expiry: {why}").format(why=error.message))
        expiry = None
    if wrong:
        return [_("line {line}: {what}").format(line=line, what=what) for what in wrong]
    return NewUser(line, name, role, expiry, password or secrets.token_urlsafe(PASSWORD_BYTES), not password)


def _faults(path: Path, faults: list[str]) -> Misused:
    what = _("{path} has mistakes; nobody was added:").format(path=path)
    return Misused(what, "", [f"  {fault}" for fault in faults])


def _line_of(fault: str) -> int:
    return int(next(iter(re.findall(r"\d+", fault))))


def _what_it_takes() -> str:
    return _(
        "Takes CSV, its first line `name,role,expiry`, more columns if you like: password; groups, which are to come. "
        "All but the name may be empty: trader, never, and a password that is made."
    )
