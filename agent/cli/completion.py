"""`agent completion`."""

from typing import Annotated

import typer

from agent.language import _
from protocol.completion import Shell, script


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help=_("bash, zsh or fish."))]) -> None:
    """The script, on standard output."""
    typer.echo(script("agent", shell))
