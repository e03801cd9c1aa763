"""Pages of `--help` in the reader's language, for the command lines of both programs.

The invariants: every word of a page but names and examples comes from a catalogue; no line is wider than the terminal,
reckoned in cells (a Chinese sign takes two).
"""

import re
import shutil
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeVar, get_args, get_origin

import typer
from rich.cells import cell_len
from typer.core import TyperCommand, TyperGroup

Text = Callable[[str], str]
F = TypeVar("F", bound=Callable[..., Any])


def N_(text: str) -> str:  # noqa: N802 gettext's name for "to be translated, but not yet"
    return text


WIDEST: Final = 80
WIDEST_NAME: Final = 26
"""Cells; what is explained stands on the next line where its name is wider."""
PIECES: Final = re.compile(r"[“（「]*[⺀-\uffef][，。：；）、”」！？…]*|[^\s⺀-\uffef]+[，。：；）、”」！？]*|\s+")
"""Where a line may end: after a Chinese sign with its marks, and between words."""
PLACEHOLDERS: Final[dict[Any, str]] = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}


class _Command(TyperCommand):
    text: ClassVar[Callable[..., str]]

    def get_help(self, ctx: Any) -> str:
        return page(self, ctx, type(self).text)


class _Group(TyperGroup):
    text: ClassVar[Callable[..., str]]

    def get_help(self, ctx: Any) -> str:
        return page(self, ctx, type(self).text)


class App(typer.Typer):
    """A command line or a part of one, whose pages are in the language of `text`."""

    def __init__(self, text: Text, **options: Any) -> None:
        self._command = type("Command", (_Command,), {"text": staticmethod(text)})
        group = type("Group", (_Group,), {"text": staticmethod(text)})
        quiet: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}
        super().__init__(cls=group, **(quiet | options))

    def command(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        return super().command(name, cls=self._command, **options)


def page(command: Any, context: Any, text: Text) -> str:
    """The whole page."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    params = [param for param in command.get_params(context) if not getattr(param, "hidden", False)]
    arguments = [_row(param, context, text) for param in params if param.param_type_name == "argument"]
    options = [_row(param, context, text) for param in params if param.param_type_name == "option"]
    parts = [
        fold(text(N_("Usage: {usage}")).format(usage=_usage(command, context, params, text)), width, 0, 4),
        fold(command.help or "", width, 2, 2),
        _section(text(N_("Arguments:")), arguments, width),
        _section(text(N_("Options:")), options, width),
        _section(text(N_("Commands:")), _commands(command, context), width),
        fold(command.epilog or "", width, 2, 4),
    ]
    return "\n\n".join(part for part in parts if part)


def _usage(command: Any, context: Any, params: list[Any], text: Text) -> str:
    names = [_argument(param) for param in params if param.param_type_name == "argument"]
    rest = [text(N_("COMMAND …"))] if isinstance(command, TyperGroup) else []
    return " ".join((context.command_path, text(N_("[OPTIONS]")), *names, *rest))


def _commands(command: Any, context: Any) -> list[tuple[str, str]]:
    if not isinstance(command, TyperGroup):
        return []
    found = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [(name, one.help or "") for name, one in found if one is not None and not one.hidden]


def _row(param: Any, context: Any, text: Text) -> tuple[str, str]:
    is_help = param.name == "help" and param.is_eager
    meaning = text(N_("Show this page and end.")) if is_help else getattr(param, "help", None) or ""
    extras = [] if is_help else list(_extras(param, context, text))
    name = _argument(param) if param.param_type_name == "argument" else _option(param)
    if not extras:
        return name, meaning
    facts = text(N_("; ")).join(extras)
    return name, text(N_("{meaning} [{facts}]")).format(meaning=meaning, facts=facts).lstrip()


def _argument(param: Any) -> str:
    name = param.metavar or str(param.name).upper()
    return f"{name if param.required else f'[{name}]'}{'…' if param.nargs == -1 else ''}"


def _option(param: Any) -> str:
    names = " / ".join((", ".join(param.opts), *param.secondary_opts))
    return names if param.is_flag or param.count else f"{names} {_placeholder(param)}"


def _placeholder(param: Any) -> str:
    kind = param.type_descriptor.annotation
    if param.metavar:
        return str(param.metavar)
    return "|".join(choices(param)) or PLACEHOLDERS.get(kind, "TEXT")


def choices(param: Any) -> list[str]:
    """What it takes one of; empty where it takes anything of its kind."""
    kind = param.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    return [str(one) for one in param.type_descriptor.choices or ()]


def bounds(param: Any, text: Text) -> str:
    """`1 to 86,400`, `from 1`; empty where there are none."""
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    if low is not None and high is not None:
        return text(N_("{low} to {high}")).format(low=f"{low:,}", high=f"{high:,}")
    return text(N_("from {low}")).format(low=f"{low:,}") if low is not None else ""


def _extras(param: Any, context: Any, text: Text) -> Iterable[str]:
    if param.required:
        yield text(N_("required"))
    if (found := bounds(param, text)) and not getattr(param, "count", False):
        yield found
    usual = param.get_default(context, call=False)
    if isinstance(usual, Enum):
        usual = usual.value
    if param.show_default and usual not in (None, False, "", (), []):
        yield text(N_("default: {value}")).format(value=usual)


def _section(heading: str, rows: list[tuple[str, str]], width: int) -> str:
    if not rows:
        return ""
    names = [cell_len(name) for name, _meaning in rows]
    column = max((cells for cells in names if cells <= WIDEST_NAME), default=WIDEST_NAME) + 4
    lines = [heading]
    for name, meaning in rows:
        told = fold(meaning, width, column, column)
        if cell_len(name) + 4 > column:
            lines += [f"  {name}", *([told] if told else [])]
        else:
            lines.append(f"  {name}{' ' * (column - 2 - cell_len(name))}{told.lstrip()}".rstrip())
    return "\n".join(lines)


def fold(text: str, width: int, first: int, rest: int) -> str:
    """The text in lines of at most `width` cells, indented by `first` and `rest` spaces; paragraphs stay apart."""
    return "\n".join(_folded(paragraph, width, first, rest) for paragraph in text.splitlines() if paragraph.strip())


def _folded(paragraph: str, width: int, first: int, rest: int) -> str:
    lines, line, indent = [], "", first
    for piece in PIECES.findall(paragraph.strip()):
        if line.strip() and indent + cell_len(line) + cell_len(piece.rstrip()) > width:
            lines.append(" " * indent + line.rstrip())
            line, indent = "", rest
        line += piece if line else piece.lstrip()
    return "\n".join([*lines, " " * indent + line.rstrip()])
