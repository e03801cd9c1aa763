"""Every command has help, and an example that the command line itself takes."""

import pytest
import typer

from hub.cli import app

from .conftest import Hub

COMMANDS = [
    *((name,) for name in ("serve", "migrate", "doctor", "settings", "login", "logout", "completion")),
    *(("users", name) for name in ("add", "import", "list", "show", "expire", "enable", "disable", "password", "kick")),
    *(("orders", name) for name in ("publish", "list", "show", "watch", "cancel")),
    ("agents", "list"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(hub: Hub, command: tuple[str, ...]) -> None:
    run = hub(*command, "--help")
    assert (run.code, run.err) == (0, "")
    text = " ".join(run.out.split())
    assert text.partition("Options:")[0].count(".") >= 1, "it says what the command does"
    example = text.partition("Example: ")[2]
    assert " ".join(command) in example


def test_these_are_all_the_commands() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    found: list[tuple[str, ...]] = []
    for name, command in root.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            found += [(name, inner) for inner in command.commands]
        else:
            found.append((name,))
    assert sorted(found) == sorted(COMMANDS)


@pytest.mark.parametrize("group", ["users", "orders", "agents"])
def test_a_group_alone_lists_its_commands(hub: Hub, group: str) -> None:
    run = hub(group)
    assert run.code == 2
    for command in COMMANDS:
        if command[0] == group:
            assert command[1] in run.out + run.err
