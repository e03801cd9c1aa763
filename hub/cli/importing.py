"""`hub users import`: many accounts at once.

The invariants: nothing is sent before the whole file is right, and the hub adds all or nobody; passwords that were made
are on disk, for their owner alone, before the hub hears them, and stay there unless the hub surely refused.
"""

from pathlib import Path
from typing import Annotated

import typer

from hub.cli import lists
from hub.cli.arguments import AsJson
from hub.cli.client import HubClient, ask, read
from hub.cli.errors import OutOfReach, Refused
from hub.cli.screen import say, show_json
from hub.cli.user_file import NewUser, keep_passwords, read_users, taken
from hub.language import _
from hub.model.answers import AccountPage, NewUserIds

IMPORT = "/api/admin/users/import"
SERVERS = 500
"""From this HTTP status on, it is the hub that failed."""
HASHING_S = 0.5
"""What one password may take the hub."""


def import_users(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("CSV in UTF-8; its first line names the columns."))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("Check everything, add nobody."))] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help=_("Where the passwords that are made go; else beside FILE.")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    users = read_users(file, ask(hub_offset))
    made = sum(user.is_made for user in users)
    kept = (passwords or file.with_suffix(".password")) if made else None
    check(file, users)
    ids = [] if dry_run else add(file, users, kept)
    if as_json:
        where = None if dry_run or kept is None else str(kept)
        show_json({"users": len(users), "user_ids": ids, "passwords": where})
    elif dry_run:
        said = _("{count} users can be added, and {made} passwords would be made. Nothing was stored.")
        say(said.format(count=len(users), made=made))
    else:
        say(_("{count} users added.").format(count=len(users)))
        if kept is not None:
            say(_("{made} passwords were made: {path}, which only its owner can read.").format(made=made, path=kept))


def check(file: Path, users: list[NewUser]) -> None:
    """What only the hub knows: names that are taken. Raises CommandError."""
    body = {"users": [user.body() for user in users], "dry_run": True}
    try:
        ask(lambda hub: hub.post(IMPORT, body))
    except Refused as error:
        raise (taken(file, users, str(error)) or error) from None


def add(file: Path, users: list[NewUser], kept: Path | None) -> list[int]:
    """The new users' ids. `kept`: where made passwords go. Raises CommandError."""
    if kept is not None:
        keep_passwords(kept, users)
    body = {"users": [user.body() for user in users]}
    try:
        answer = ask(lambda hub: hub.post(IMPORT, body, extra_s=len(users) * HASHING_S))
    except OutOfReach as error:
        raise OutOfReach(str(error), in_doubt(users, kept)) from None
    except Refused as error:
        if error.status >= SERVERS:
            raise Refused(str(error), in_doubt(users, kept), error.status) from None
        if kept is not None:
            kept.unlink()
        raise (taken(file, users, str(error)) or error) from None
    return read(answer, NewUserIds).user_ids


def in_doubt(users: list[NewUser], kept: Path | None) -> str:
    """What to do where the answer was lost on its way."""
    look = _("Either all were added or none; see with: hub users list --name {name}").format(name=users[0].name)
    if kept is None:
        return look
    rest = _("If they are there, their passwords are in {path}; else delete it and repeat.").format(path=kept)
    return f"{look}\n{rest}"


async def hub_offset(hub: HubClient) -> int:
    """The hub's zone, in minutes east of UTC, as its answer about a user shows it; 0 where there is none."""
    users = read(await hub.get("/api/admin/users", page_size=1), AccountPage).rows
    return lists.offset_minutes(users[0].created_at, users[0].created_ms) if users else 0
