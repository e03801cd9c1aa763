"""`hub login` and `hub logout`: a token kept for later commands. Imported by hub.cli only.

The invariant: the password is used once and kept nowhere; the token is kept for this hub's address alone.
"""

import asyncio
import sys
from typing import Annotated, Any

import typer

from hub.cli.client import connect
from hub.cli.errors import Misused, Refused
from hub.cli.passwords import FromStdin, ask_password
from hub.cli.screen import note, say, waiting
from hub.language import _


def login(
    user: Annotated[str | None, typer.Option(metavar="NAME", help=_("Who you are; asked for when not given."))] = None,
    password_stdin: FromStdin = False,
) -> None:
    from hub.cli.access import SavedLogin, safe_access, saved_logins

    url = safe_access().url
    name = user or ask_name(password_stdin)
    password = ask_password(password_stdin, is_new=False)
    with waiting(_("Asking the hub…")):
        token, expires, role = asyncio.run(log_in(name, password))
    saved_logins().put(url, SavedLogin(username=name, token=token))
    say(_("Logged in at {url} as {name} until {when}.").format(url=url, name=name, when=expires))
    if role != "admin":
        note(_("{name} is no admin: the hub will refuse most of these commands.").format(name=name))


def logout() -> None:
    from hub.cli.access import access, saved_logins

    url = access().url
    logins = saved_logins()
    saved = logins.get(url)
    if saved is None:
        say(_("There is no saved login for {url}.").format(url=url))
        return
    # Forgotten here first: that much works without the hub.
    logins.remove(url)
    with waiting(_("Asking the hub…")):
        asyncio.run(log_out(saved.token))
    say(_("Logged out at {url}.").format(url=url))


def ask_name(is_stdin_taken: bool) -> str:
    if is_stdin_taken or not sys.stdin.isatty():
        raise Misused(_("There is no terminal to ask for the name at."), _("Name the user with --user."))
    return input(_("User: ")).strip()


async def log_in(name: str, password: str) -> tuple[str, str, str]:
    """The token, when it expires, and the user's role. Raises CommandError."""
    async with connect(token=None) as hub:
        try:
            data: Any = await hub.post("/api/auth/login", {"username": name, "password": password})
        except Refused as error:
            # "Log in again" would be no advice to somebody who just tried.
            raise Refused(str(error), _("Check the name and the password.") if error.status == 401 else "") from None
    async with connect(data["token"]) as hub:
        who: Any = await hub.get("/api/auth/verify")
    return data["token"], data["token_expire_at"], who["role"]


async def log_out(token: str) -> None:
    """End the session at the hub; one that has ended already is as good. Raises CommandError."""
    async with connect(token) as hub:
        try:
            await hub.post("/api/auth/logout")
        except Refused as error:
            if error.status != 401:
                raise
