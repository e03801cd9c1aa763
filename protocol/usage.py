"""What a person mistyped, in our words: the command lines' library speaks of its own types and in English only.

The invariant: each mistake leaves here in the reader's language, with the parameter named and what it takes.
"""

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

import typer
from typer._click import exceptions as mistakes

from protocol.manual import N_, bounds, choices

Text = Callable[[str], str]
UNITS = {"SECONDS": N_("takes {bounds} seconds")}
"""A placeholder that is a unit is said with the number."""


class Mistake(NamedTuple):
    """What was wrong, what to do, and the parameter for programs."""

    message: str
    advice: str
    field: str | None


def mistake(error: mistakes.ClickException, text: Text) -> Mistake:
    """The library's error, said to a person."""
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    advice = text(N_("`{command} --help` says more.")).format(command=context.command_path) if context else ""
    return Mistake(_what(error, text), advice, None if param is None else str(param.name))


def _what(error: mistakes.ClickException, text: Text) -> str:
    match error:
        case mistakes.NoSuchOption():
            return _no_option(error, text)
        case mistakes.MissingParameter() if error.param is not None:
            return text(N_("{name} is missing.")).format(name=_name(error.param))
        case typer.BadParameter():
            return _bad(error, text)
    context = getattr(error, "ctx", None)
    words = error.format_message()
    if "No such command" in words and context is not None:
        return _no_command(words.split("'")[1], context, text)
    if "unexpected extra argument" in words:
        return text(N_("This is one argument too many: {what}")).format(what=words.rpartition("(")[2].rstrip(")."))
    if "Missing command" in words:
        return text(N_("A command is missing."))
    if "requires an argument" in words:
        return text(N_("{name} takes a value.")).format(name=words.split("'")[1])
    if "does not take a value" in words:
        return text(N_("{name} takes no value.")).format(name=words.split("'")[1])
    return words


def _no_option(error: mistakes.NoSuchOption, text: Text) -> str:
    nearest = error.possibilities or []
    if nearest:
        sentence = text(N_("There is no option {name}; the nearest is {nearest}."))
        return sentence.format(name=error.option_name, nearest=nearest[0])
    return text(N_("There is no option {name}.")).format(name=error.option_name)


def _no_command(name: str, context: Any, text: Text) -> str:
    nearest = difflib.get_close_matches(name, context.command.list_commands(context), 1)
    if nearest:
        sentence = text(N_("There is no command {name}; the nearest is {nearest}."))
        return sentence.format(name=name, nearest=nearest[0])
    return text(N_("There is no command {name}.")).format(name=name)


def _bad(error: Any, text: Text) -> str:
    """Ours say what is taken; pydantic's are said anew from the parameter's own bounds."""
    from pydantic import ValidationError

    if error.param is None:
        return str(error.message)
    ours = not isinstance(error.__context__, ValidationError)
    found = error.message if ours else _takes(error.param, text)
    return text(N_("{name}: {found}")).format(name=_name(error.param), found=found)


def _takes(param: Any, text: Text) -> str:
    if names := choices(param):
        return text(N_("takes one of {names}")).format(names=", ".join(names))
    found = bounds(param, text)
    if found and param.metavar in UNITS:
        return text(UNITS[param.metavar]).format(bounds=found)
    noun = text(N_("a whole number")) if param.type_descriptor.annotation is int else text(N_("a number"))
    if found:
        return text(N_("takes {noun} {bounds}")).format(noun=noun, bounds=found)
    return text(N_("takes {what}")).format(what=noun)


def _name(param: Any) -> str:
    options = [name for name in param.opts if name.startswith("-")]
    return options[0] if options else (param.metavar or str(param.name).upper())
