"""Asking for a password: at the terminal, or from stdin. Imported by the commands.

The invariant: a password is never an argument, so neither `ps` nor a shell's history ever holds one.
"""

import sys
from getpass import getpass
from typing import Annotated

import typer

from hub.cli.errors import Misused
from hub.language import _

FromStdin = Annotated[bool, typer.Option("--password-stdin", help=_("Read the password from the first line of stdin."))]


def ask_password(is_from_stdin: bool, is_new: bool) -> str:
    """The password; a new one is asked for twice. Raises Misused."""
    if is_from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = getpass(_("Password: "))
        if is_new and getpass(_("Once more: ")) != password:
            raise Misused(_("The two passwords differ."), _("Run the command again."))
    else:
        raise Misused(_("There is no terminal to ask for the password at."), _("Pipe it in with --password-stdin."))
    if not password:
        raise Misused(_("The password is empty."))
    return password
