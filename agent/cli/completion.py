"""`agent completion`: what a shell needs to complete commands, options and their values.

The invariant: the script asks the installed program each time, so that it never knows less than `--help`.
"""

from enum import StrEnum
from typing import Annotated

import typer

from agent.language import _

ASKED_BY = "_AGENT_COMPLETE"
"""The variable by which a shell asks; its name is the library's rule."""


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help=_("bash, zsh or fish."))]) -> None:
    """The script, on standard output."""
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="agent", complete_var=ASKED_BY, shell=shell.value))


def prepare() -> None:
    """Before a shell's question is answered: the library knows its shells only then."""
    from typer._completion_classes import completion_init

    completion_init()
