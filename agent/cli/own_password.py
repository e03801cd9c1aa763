"""`agent password`: change your own password at the hub.

The invariants: no password is an argument; an agent that runs on this computer goes on, where the vault has its token;
and a password that was kept is kept anew, so that the next start does not send the old one.
"""

import asyncio
import getpass
import sys
from pathlib import Path

import typer

from agent.app import sends_readable
from agent.cli.options import OUT_OF_REACH, REFUSED, USAGE, fail, settings
from agent.config import Settings
from agent.language import _
from agent.link.api import HubApi, NewPassword, Unavailable
from agent.model.account import Owner
from agent.model.engine import Refused
from agent.trading.accounts import Accounts, first_kept
from agent.trading.journal import JournalBroken
from agent.vault import Vault, VaultUnavailable, open_vault

UNAUTHORIZED = 401


def change_password(
    *, user: str | None, server: str | None, insecure_http: bool, data_dir: Path | None, password_stdin: bool
) -> None:
    """Asks for the old and the new one, and tells the hub."""
    config = settings(server_url=server, data_dir=data_dir, insecure_http=insecure_http or None)
    if user is None:
        fail(_("Say who you are: --user NAME."), USAGE)
    if sends_readable(config) and not config.insecure_http:
        fail(_("plain http to another machine can be read on the way: use https, or say --insecure-http"), USAGE)
    change = NewPassword(user, *(_two_lines() if password_stdin else _asked()))
    vault = open_vault(config.data_dir, config.vault_passphrase_file)
    try:
        by_token = asyncio.run(_change(HubApi(config.server_url), _token(config, user, vault), change))
    except Unavailable as error:
        fail(str(error), OUT_OF_REACH)
    typer.echo(_("Your password is changed."))
    if not by_token:
        typer.echo(_("Your login at the hub has ended with it: log in again with the new one."))
    _keep_anew(config, user, vault, change.new_password)


async def _change(api: HubApi, token: str | None, change: NewPassword) -> bool:
    """Whether the login of the token goes on. Ends the command where the hub refuses. Raises Unavailable."""
    refused = await api.change_password(change, token)
    by_token = token is not None and not _is_over(refused)
    if token is not None and not by_token:
        refused = await api.change_password(change, None)
    if refused is not None:
        fail(refused.reason.text(_), REFUSED)
    return by_token


def _is_over(refused: Refused | None) -> bool:
    """Whether the kept token is that of a login that has ended."""
    return refused is not None and (refused.data or {}).get("status") == UNAUTHORIZED


def _two_lines() -> tuple[str, str]:
    old, new = (sys.stdin.readline().rstrip("\r\n") for _line in range(2))
    if not old or not new:
        fail(_("Standard input takes two lines: the old password and the new one."), USAGE)
    return old, new


def _asked() -> tuple[str, str]:
    if not sys.stdin.isatty():
        fail(_("There is no terminal to ask at: use --password-stdin."), USAGE)
    old, new = getpass.getpass(_("Old password") + ": "), getpass.getpass(_("New password") + ": ")
    if getpass.getpass(_("The same again") + ": ") != new:
        fail(_("The two passwords differ."), USAGE)
    return old, new


def _token(config: Settings, user: str, vault: Vault) -> str | None:
    """That of the newest login on this computer, where a vault works without being asked."""
    try:
        return first_kept(vault, Accounts(config.data_dir).keys(Owner(config.server_url, user)), "hub_token")
    except (VaultUnavailable, JournalBroken):
        return None


def _keep_anew(config: Settings, user: str, vault: Vault, password: str) -> None:
    key = f"{config.server_url}/{user}"
    try:
        if vault.get(key, "password") is None:
            return
        vault.put(key, "password", password)
    except VaultUnavailable:
        typer.echo(_("If you have kept the old one, keep the new one at the next start: --save-password."), err=True)
        return
    typer.echo(_("The new one is kept ({place}).").format(place=vault.place))
