"""`hub users`: accounts. Every command is one or two requests to the hub.

Imported by hub.cli only. The invariant: a person names a user by name or number, and exactly one is meant.
"""

from enum import StrEnum
from typing import Annotated

import typer

from hub.cli import lists
from hub.cli.arguments import AsJson, Page, PageSize, example, point_in_time
from hub.cli.client import HubClient, ask, read
from hub.cli.errors import Refused
from hub.cli.passwords import FromStdin, ask_password
from hub.cli.screen import note, say, show, show_json
from hub.language import _
from hub.model.answers import AccountPage
from protocol.manual import App

app = App(_, help=_("Traders' and admins' accounts."), no_args_is_help=True)

ACTIVE, DISABLED = 1, 3
WHEN_HELP = _("2027-01-31 or '2027-01-31 18:00:00' in the hub's zone, with an offset in any other; 30d, 12h; never.")


class Role(StrEnum):
    trader = "trader"
    admin = "admin"


Who = Annotated[str, typer.Argument(metavar="NAME|ID", help=_("The user's name, or number."))]
When = Annotated[str, typer.Argument(metavar="WHEN", callback=point_in_time, help=WHEN_HELP)]


@app.command(
    "add",
    help=_("Add a user. The password is asked for."),
    epilog=example("hub users add ann --expire 30d"),
)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("3 to 50 signs."))],
    role: Annotated[Role, typer.Option(help=_("What the user may do."))] = Role.trader,
    expire: Annotated[str | None, typer.Option(metavar="WHEN", callback=point_in_time, help=WHEN_HELP)] = None,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    body = {"username": name, "password": ask_password(password_stdin, is_new=True), "role": role.value}
    if expire:
        body["expire_at"] = expire
    data = ask(lambda hub: hub.post("/api/admin/users/create", body))
    if as_json:
        show_json(data)
        return
    say(_("User {id} added: {name}, {role}.").format(id=data["user_id"], name=name, role=role.value))


@app.command("list", help=_("List the users."), epilog=example("hub users list --name ann"))
def list_users(
    name: Annotated[str | None, typer.Option(help=_("Only users of this name."))] = None,
    page: Page = 1,
    page_size: PageSize = 50,
    as_json: AsJson = False,
) -> None:
    data = ask(lambda hub: hub.get("/api/admin/users", page=page, page_size=page_size, username=name))
    if as_json:
        show_json(data)
        return
    users = read(data, AccountPage)
    show(lists.users(users.rows))
    if len(users.rows) < users.total:
        note(_("{shown} of {total}; see more with --page.").format(shown=len(users.rows), total=users.total))


@app.command(
    "expire",
    help=_("Set when an account expires. A live session feels it at once."),
    epilog=example("hub users expire ann '2027-01-31 18:00:00'"),
)
def expire_user(who: Who, when: When) -> None:
    change(who, "expire", {"expire_at": when})
    say(_("{name} expires: {when}.").format(name=who, when=when or _("never")))


@app.command("enable", help=_("Let a disabled user in again."), epilog=example("hub users enable ann"))
def enable(who: Who) -> None:
    change(who, "status", {"status": ACTIVE})
    say(_("{name} is enabled.").format(name=who))


@app.command(
    "disable",
    help=_("Shut a user out, and end the live session."),
    epilog=example("hub users disable ann"),
)
def disable(who: Who) -> None:
    change(who, "status", {"status": DISABLED})
    say(_("{name} is disabled.").format(name=who))


@app.command(
    "password",
    help=_("Set a new password. It is asked for."),
    epilog=example("hub users password ann"),
)
def set_password(who: Who, password_stdin: FromStdin = False) -> None:
    change(who, "password", {"password": ask_password(password_stdin, is_new=True)})
    say(_("{name} has a new password.").format(name=who))


@app.command(
    "kick",
    help=_("End a user's session; the user can log in again."),
    epilog=example("hub users kick ann"),
)
def kick(who: Who) -> None:
    async def work(hub: HubClient) -> None:
        await hub.post(f"/api/admin/users/{await user_id(hub, who)}/kick")

    ask(work)
    say(_("{name}'s session is ended.").format(name=who))


def change(who: str, what: str, body: object) -> None:
    """PUT one property of a user. Raises CommandError."""

    async def work(hub: HubClient) -> None:
        await hub.put(f"/api/admin/users/{await user_id(hub, who)}/{what}", body)

    ask(work)


async def user_id(hub: HubClient, who: str) -> int:
    """The number of the user of this name or, where none has that name, of this number. Raises Refused.

    A name wins, since every user has one and so can always be meant.
    """
    users = read(await hub.get("/api/admin/users", username=who), AccountPage)
    if found := next((user.id for user in users.rows if user.username == who), None):
        return found
    if who.isascii() and who.isdecimal():
        return int(who)
    raise Refused(_("There is no user {who!r}.").format(who=who), _("See them with: hub users list"), 404)
