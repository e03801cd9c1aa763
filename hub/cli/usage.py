"""What a person mistyped, in our words: the command line's library speaks of its own types and in English only.

The invariant: what it raises leaves here as `Misused`, with the parameter named and what it takes.
"""

import difflib
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from typer._click import exceptions as mistakes

from hub.cli.errors import Misused
from hub.language import _


def misused(error: mistakes.ClickException) -> Misused:
    """The same mistake, said to a person."""
    return Misused(_what(error), _how(error), field=_field(error))


def _what(error: mistakes.ClickException) -> str:
    match error:
        case mistakes.NoSuchOption():
            return _("There is no option {name}.").format(name=error.option_name)
        case mistakes.MissingParameter() if error.param is not None:
            return _("{name} is missing.").format(name=_name(error.param))
        case typer.BadParameter():
            return _bad(error)
    context = getattr(error, "ctx", None)
    words = error.format_message()
    if "No such command" in words and context is not None:
        return _no_command(words.split("'")[1], context)
    if "unexpected extra argument" in words:
        return _("This is one argument too many: {what}").format(what=words.rpartition("(")[2].rstrip(")."))
    if "Missing command" in words:
        return _("A command is missing.")
    if "requires an argument" in words:
        return _("{name} takes a value.").format(name=words.split("'")[1])
    return words


def _no_command(name: str, context: Any) -> str:
    nearest = difflib.get_close_matches(name, context.command.list_commands(context), 1)
    if nearest:
        return _("There is no command {name}; the nearest is {nearest}.").format(name=name, nearest=nearest[0])
    return _("There is no command {name}.").format(name=name)


def _bad(error: Any) -> str:
    """Ours say what is taken; pydantic's are said anew from the parameter's own bounds."""
    if error.param is None:
        return str(error.message)
    ours = not isinstance(error.__context__, ValidationError)
    return f"{_name(error.param)}: {error.message if ours else _takes(error.param)}"


def _takes(param: Any) -> str:
    info, kind = param.type_descriptor.parameter_info, param.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return _("takes one of {names}").format(names=", ".join(get_args(kind)))
    if param.type_descriptor.choices is not None:
        return _("takes one of {names}").format(names=", ".join(str(one) for one in param.type_descriptor.choices))
    low, high = info.min, info.max
    noun = _("a whole number") if kind is int else _("a number")
    if low is not None and high is not None:
        return _("takes {noun} from {low} to {high}").format(noun=noun, low=f"{low:,}", high=f"{high:,}")
    if low is not None:
        return _("takes {noun} from {low}").format(noun=noun, low=f"{low:,}")
    return _("takes {what}").format(what=noun)


def _how(error: mistakes.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return "" if context is None else _("`{command} --help` says more.").format(command=context.command_path)


def _field(error: mistakes.ClickException) -> str | None:
    param = getattr(error, "param", None)
    return None if param is None else str(param.name)


def _name(param: Any) -> str:
    options = [name for name in param.opts if name.startswith("-")]
    return options[0] if options else (param.metavar or str(param.name).upper())
