"""What a shell needs to complete the command lines of both programs: commands, options and their values.

The invariant: the script asks the installed program each time, so that it never knows less than `--help`.
"""

from enum import StrEnum


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def asked_by(program: str) -> str:
    """The variable by which a shell asks; its name is the library's rule."""
    return f"_{program.upper()}_COMPLETE"


def script(program: str, shell: Shell) -> str:
    """What the shell has to read."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name=program, complete_var=asked_by(program), shell=shell.value)


def prepare() -> None:
    """Before a shell's question is answered: the library knows its shells only then."""
    from typer._completion_classes import completion_init

    completion_init()
