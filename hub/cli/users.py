"""`hub users`: accounts. Every command is one or two requests to the hub.

Imported by hub.cli only. The invariant: a person names a user by name or number, and exactly one is meant.
"""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from hub.cli import lists
from hub.cli.arguments import AsJson, Limit, Page, Since, example, has_passed, is_zone_needed, point_in_time
from hub.cli.client import HubClient, ask, read
from hub.cli.errors import Misused, Refused
from hub.cli.importing import hub_offset, import_users
from hub.cli.passwords import FromStdin, ask_password
from hub.cli.screen import facts, note, note_rest, now_ms, say, show, show_json, show_list, width
from hub.language import _
from hub.model.answers import AccountAnswer, AccountPage, AgentAnswer
from protocol.manual import App

app = App(_, help=_("Traders' and admins' accounts."), no_args_is_help=True)

ACTIVE, DISABLED = 1, 3
WHEN_HELP = _("2027-01-31 or '2027-01-31 18:00:00' in the hub's zone, with an offset in any other; 30d, 12h; never.")


class Role(StrEnum):
    trader = "trader"
    admin = "admin"


class Status(StrEnum):
    active = "active"
    expired = "expired"
    disabled = "disabled"


Sure = Annotated[bool, typer.Option("--yes", help=_("Do not ask."))]
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
    is_sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    if expire:
        confirm_past(expire, is_sure)
    body = {"username": name, "password": ask_password(password_stdin, is_new=True), "role": role.value}
    if expire:
        body["expire_at"] = expire
    data = ask(lambda hub: hub.post("/api/admin/users/create", body))
    if as_json:
        show_json(data)
        return
    say(_("User {id} added: {name}, {role}.").format(id=data["user_id"], name=name, role=lists.role_word(role.value)))


@app.command("list", help=_("List the users."), epilog=example("hub users list --name ann"))
def list_users(
    name: Annotated[str | None, typer.Option(help=_("Only users of this name."))] = None,
    status: Annotated[Status | None, typer.Option(help=_("Only users of this status."))] = None,
    role: Annotated[Role | None, typer.Option(help=_("Only users of this role."))] = None,
    since: Since = None,
    page: Page = 1,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    wanted = {
        "username": name,
        "status": list(Status).index(status) + 1 if status else None,
        "role": role.value if role else None,
        "since": since,
    }
    data = ask(lambda hub: hub.get("/api/admin/users", page=page, page_size=limit, **wanted))
    if as_json:
        show_json(data)
        return
    users = read(data, AccountPage)
    if users.rows:
        show_list(lists.users(users.rows, width(), now_ms()))
    note_rest(len(users.rows), users.total, page)


@app.command(
    "show", help=_("Show a user: the account, and the agents connected now."), epilog=example("hub users show ann")
)
def show_user(who: Who, as_json: AsJson = False) -> None:
    async def work(hub: HubClient) -> tuple[Any, list[Any]]:
        account = await find_user(hub, who)
        agents = await hub.get("/api/admin/agents")
        return account, [agent for agent in agents["list"] if agent["user_id"] == account["id"]]

    account, agents = ask(work)
    if as_json:
        show_json(account | {"agents": agents})
        return
    user = read(account, AccountAnswer)
    show(facts(lists.account(user, now_ms())))
    if agents:
        show(lists.agents(read(agents, list[AgentAnswer]), width()))


app.command(
    "import",
    help=_("Add all users of a CSV file (name, role, expiry), or none. Passwords are made where none are given."),
    epilog=example("hub users import traders.csv --dry-run"),
)(import_users)


@app.command(
    "expire",
    help=_("Set when an account expires. A live session feels it at once."),
    epilog=example("hub users expire ann '2027-01-31 18:00:00'"),
)
def expire_user(who: Who, when: When, is_sure: Sure = False) -> None:
    if when:
        confirm_past(when, is_sure)
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


def confirm_past(expire: str, is_sure: bool) -> None:
    """Asks before an account is made to have expired already. Raises Misused where nobody can be asked."""
    if is_sure or not has_passed(expire, ask(hub_offset) if is_zone_needed(expire) else 0):
        return
    what = _("{when} is past: the user is shut out at once.").format(when=expire)
    if not sys.stdin.isatty():
        raise Misused(what, _("Say --yes if that is meant."))
    note(what)
    if not input(_("Go on? [y/N] ")).strip().lower().startswith("y"):
        raise typer.Exit(1)


async def find_user(hub: HubClient, who: str) -> Any:
    """The account of this name or number, as the hub gives it. Raises Refused."""
    number = await user_id(hub, who)
    found = await hub.get("/api/admin/users", username=who)
    if not found["list"]:
        # By number: the list is by id, so that it can be gone through.
        found = await _page_with(hub, number)
    account = next((user for user in found["list"] if user["id"] == number), None)
    if account is None:
        raise Refused(_("There is no user {who!r}.").format(who=who), _("See them with: hub users list"), 404)
    return account


async def _page_with(hub: HubClient, number: int) -> Any:
    page = 1
    while True:
        found = await hub.get("/api/admin/users", page=page, page_size=500)
        if not found["list"] or found["list"][-1]["id"] >= number:
            return found
        page += 1


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
