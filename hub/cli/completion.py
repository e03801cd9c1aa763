"""`hub completion`."""

from typing import Annotated

import typer

from hub.cli.screen import show_line
from hub.language import _
from protocol.completion import Shell, script


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help=_("bash, zsh or fish."))]) -> None:
    show_line(script("hub", shell))
