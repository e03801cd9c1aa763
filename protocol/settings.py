"""Settings of both programs: from flags, the environment, `.env` and a YAML file; refused in sentences; shown.

The invariants: a name that begins with the program's prefix is a setting of ours or refused; the value of a secret is
in no sentence and in no list.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import yaml
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

Text = Callable[[str], str]
S = TypeVar("S", bound=BaseSettings)


def N_(text: str) -> str:  # noqa: N802 gettext's name for "to be translated, but not yet"
    return text


ENV_FILE: Final = Path(".env")
MASK: Final = "***"
PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^:/]*):.*@", re.DOTALL)
PASSWORD_IN_QUERY: Final = re.compile(r"(?<=[?&]password=)[^&]*")
FACTS: Final = ("takes", "usual", "unit", "secret", "section")
SOURCES: Final = (N_("flag"), N_("environment"), N_("default"))
"""Those that are words; the others are names of files."""
LEAST_LIKENESS: Final = 0.6


def setting(meaning: str, default: object = None, **more: Any) -> Any:
    """A field with its meaning. Beside pydantic's own words (`ge`, `default_factory` …): `takes` and `usual`, what it
    takes and its default in words; `unit`; `secret`; `section`, the part of the file's section that it is made of."""
    facts: dict[str, Any] = {name: more.pop(name) for name in FACTS if name in more}
    if "default_factory" not in more:
        more["default"] = default
    return Field(description=meaning, json_schema_extra=facts, **more)


LANGUAGES: Final = N_("en or zh_CN")


def spoken(tag: str | None, text: Text) -> str | None:
    """A tag (`zh-CN`, `en_US.UTF-8`) that names a language that there is, or none. Raises ValueError."""
    if tag and re.fullmatch(r"(en|zh|C|POSIX)([-_.@:].*)?", tag) is None:
        raise wanted(text, LANGUAGES)
    return tag


def wanted(text: Text, what: str) -> ValueError:
    """The error of a validator that can say no more than what the field takes."""
    _ = text
    return ValueError(_("takes {what}").format(what=text(what)))


def some_path(path: object, text: Text) -> object:
    """What is read as a path, which an empty text is not. Raises ValueError."""
    if path == "":
        raise wanted(text, N_("a path"))
    return path


class WrongSettings(Exception):
    """`faults` has a sentence for each setting that is wrong, in the reader's language."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Program:
    """Where a program's settings come from, and which names there are."""

    prefix: str
    file: str
    kinds: tuple[type[BaseSettings], ...]
    text: Text
    sections: Mapping[str, Mapping[str, Mapping[str, type]]]
    """What the file has beyond a line for each setting: section, part, key, type of its value."""
    internal: frozenset[str] = frozenset()
    """Names that the program sets for its own processes."""

    @property
    def fields(self) -> dict[str, FieldInfo]:
        return {name: field for kind in self.kinds for name, field in kind.model_fields.items()}

    def variable(self, field: str) -> str:
        return self.prefix + field.upper()


class Given(NamedTuple):
    """A value, and where it stands."""

    value: object
    place: str


class Setting(NamedTuple):
    """One line of `settings`. `value` is masked where it is secret."""

    name: str
    key: str
    value: str
    source: str
    meaning: str
    takes: str
    default: str


def read(program: Program, kind: type[S], flags: Mapping[str, object] | None = None) -> S:
    """The settings of this kind. Raises WrongSettings, with all that is wrong at once."""
    values: dict[str, Any] = dict(flags or {})
    given = layers(program, values)
    faults = list(_unknown(program, given))
    try:
        settings = kind(**values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        faults += [_wrong(program, fault, given) for fault in wrong if not (faults and _is_made(program, fault, given))]
    if faults:
        raise WrongSettings(faults)
    return settings


def listed(program: Program, made: list[BaseSettings], flags: Mapping[str, object] | None = None) -> list[Setting]:
    """Every setting with its value in effect and where that comes from."""
    given = layers(program, flags or {})
    values = {name: getattr(settings, name) for settings in made for name in type(settings).model_fields}
    return [
        Setting(
            program.variable(name),
            name,
            shown(values[name], field),
            _source(program, name, given),
            _meaning(program, field),
            takes(field, program.text),
            default(field, program.text),
        )
        for name, field in program.fields.items()
    ]


def layers(program: Program, flags: Mapping[str, object]) -> dict[str, dict[str, Given]]:
    """What each source gives, strongest first; by field. Raises WrongSettings where a file cannot be read."""
    _ = program.text
    return {
        "flag": {name: Given(value, "--" + name.replace("_", "-")) for name, value in flags.items()},
        "environment": _named(program, os.environ, _("environment")),
        ".env": _named(program, _env_file(program), ".env"),
        program.file: _yaml(program),
    }


def _named(program: Program, values: Mapping[str, str | None], place: str) -> dict[str, Given]:
    start = len(program.prefix)
    return {
        name[start:].lower(): Given(value, place)
        for name, value in values.items()
        if name.upper().startswith(program.prefix) and name.upper() not in program.internal
    }


def _env_file(program: Program) -> Mapping[str, str | None]:
    try:
        return dotenv_values(ENV_FILE) if ENV_FILE.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings([_unreadable(program, str(ENV_FILE), error)]) from None


def _yaml(program: Program) -> dict[str, Given]:
    """The file's top level, each key with its line."""
    _ = program.text
    path = Path(program.file)
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        node, values = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        why = _("{file}, line {line}: is no YAML ({why}).").format(file=path, line=line, why=error.problem)
        raise WrongSettings([why]) from None
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise WrongSettings([_unreadable(program, str(path), error)]) from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        example = next(iter(program.fields))
        raise WrongSettings([_("{file}: takes names and values, such as `{key}: …`.").format(file=path, key=example)])
    lines = {str(key.value): key.start_mark.line + 1 for key, _value in node.value}
    place = _("{file}, line {line}")
    return {
        str(key): Given(value, place.format(file=path, line=lines.get(str(key), 1))) for key, value in values.items()
    }


def _unreadable(program: Program, file: str, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    _ = program.text
    return _("{file}: cannot be read ({why}).").format(file=file, why=why)


def _unknown(program: Program, given: Mapping[str, Mapping[str, Given]]) -> Iterator[str]:
    for source, values in given.items():
        in_file = source == program.file
        names = [*program.kinds[0].model_fields, *program.sections] if in_file else list(program.fields)
        spell: Callable[[str], str] = str if in_file else program.variable
        for name, one in values.items():
            if name not in names:
                yield _no_such(program, spell(name), one.place, [spell(known) for known in names])
            elif in_file and name in program.sections:
                yield from _unknown_in(program, name, program.sections[name], one)
            elif isinstance(one.value, bool) and _bare(program.fields[name].annotation) in (int, float, Decimal):
                yield _not_taken(program, name, one)  # which pydantic would take as 1 or 0


def _unknown_in(program: Program, path: str, known: Mapping[str, Any], given: Given) -> Iterator[str]:
    """What is wrong inside a section of the file."""
    _ = program.text
    if not isinstance(given.value, dict):
        yield _("{name} ({place}): takes {what}.").format(name=path, place=given.place, what=", ".join(known))
        return
    for key, value in given.value.items():
        name = f"{path}.{key}"
        if key not in known:
            yield _no_such(program, name, given.place, [f"{path}.{one}" for one in known])
        elif not isinstance(known[key], type):
            yield from _unknown_in(program, name, known[key], Given(value, given.place))
        elif known[key] is int and (isinstance(value, bool) or not str(value).isdecimal()):
            yield _("{name} ({place}): takes {what}.").format(name=name, place=given.place, what=_("a whole number"))
        elif isinstance(value, (dict, list)):
            yield _("{name} ({place}): takes {what}.").format(name=name, place=given.place, what=_("text"))


def _no_such(program: Program, name: str, place: str, known: list[str]) -> str:
    _ = program.text
    bare = {one.removeprefix(program.prefix): one for one in known}
    nearest = difflib.get_close_matches(name.removeprefix(program.prefix), bare, 1, LEAST_LIKENESS)
    if nearest:
        return _("There is no setting {name} ({place}); the nearest is {nearest}.").format(
            name=name, place=place, nearest=bare[nearest[0]]
        )
    return _("There is no setting {name} ({place}). `{program} settings` lists them all.").format(
        name=name, place=place, program=program.prefix.lower().rstrip("_")
    )


def _wrong(program: Program, fault: Any, given: Mapping[str, Mapping[str, Given]]) -> str:
    _ = program.text
    if not fault["loc"]:
        return str(fault["ctx"]["error"]) if "ctx" in fault else str(fault["msg"])
    name = str(fault["loc"][0])
    one = next((values[name] for values in given.values() if name in values), Given(None, _("default")))
    if fault["type"] == "value_error":
        return _("{name} ({place}): {why}.").format(
            name=program.variable(name), place=one.place, why=fault["ctx"]["error"]
        )
    return _not_taken(program, name, one)


def _not_taken(program: Program, name: str, one: Given) -> str:
    _ = program.text
    field = program.fields[name]
    says_value = _("{name} ({place}): takes {what}, not {value}.")
    sentence = _("{name} ({place}): takes {what}.") if is_secret(field) else says_value
    return sentence.format(name=program.variable(name), place=one.place, what=takes(field, _), value=repr(one.value))


def _is_made(program: Program, fault: Any, given: Mapping[str, Mapping[str, Given]]) -> bool:
    """Whether the value was put together from the file's section, where what is wrong was said already."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    return not any(name in values for values in given.values()) and bool(_extra(program.fields[name], "section"))


def _source(program: Program, name: str, given: Mapping[str, Mapping[str, Given]]) -> str:
    for source, values in given.items():
        if name in values:
            return source
    section, _dot, part = _extra(program.fields[name], "section").partition(".")
    inside = given[program.file].get(section)
    return program.file if inside and isinstance(inside.value, dict) and part in inside.value else "default"


def _meaning(program: Program, field: FieldInfo) -> str:
    return program.text(field.description) if field.description else ""


def is_secret(field: FieldInfo) -> bool:
    """Whether its value may never be said."""
    return SecretStr in (field.annotation, *get_args(field.annotation)) or bool(_extra(field, "secret"))


def shown(value: object, field: FieldInfo) -> str:
    """The value in effect, as it is written in a settings file."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if is_secret(field):
        return PASSWORD_IN_QUERY.sub(MASK, PASSWORD_IN_URL.sub(rf"\1:{MASK}@", str(value)))
    return str(value)


def default(field: FieldInfo, text: Text) -> str:
    """The default, or in words where it depends on the computer."""
    words = _extra(field, "usual")
    return text(words) if words else shown(field.default, field)


def takes(field: FieldInfo, text: Text) -> str:
    """What the field takes, in words."""
    if words := _extra(field, "takes"):
        return text(words)
    kind = _bare(field.annotation)
    if get_origin(kind) is Literal:
        return text(N_("one of {names}")).format(names=", ".join(get_args(kind)))
    if kind is bool:
        return text(N_("true or false"))
    if kind is Path:
        return text(N_("a path"))
    if kind in (str, SecretStr):
        return text(N_("text"))
    return _number(field, text(N_("a whole number")) if kind is int else text(N_("a number")), text)


def _number(field: FieldInfo, noun: str, text: Text) -> str:
    bounds: dict[str, Any] = {}
    for one in field.metadata:
        bounds |= {name: getattr(one, name) for name in ("ge", "gt", "le") if getattr(one, name, None) is not None}
    words = {"ge": N_(" from {ge}"), "gt": N_(" over {gt}"), "le": N_(" to {le}")}
    said = [text(sentence).format(**{name: f"{bounds[name]:,}"}) for name, sentence in words.items() if name in bounds]
    unit = _extra(field, "unit")
    return "".join([noun, *said, *([text(N_(" ({unit})")).format(unit=text(unit))] if unit else [])])


def _bare(annotation: Any) -> Any:
    """The type without `| None` and what `Annotated` says of it."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def _extra(field: FieldInfo, name: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(name) or "") if isinstance(extra, dict) else ""


def lines(rows: list[Setting], text: Text) -> Iterator[str]:
    """For a terminal: a setting with its value and source, and a line with its meaning."""
    _ = text
    for row in rows:
        value = row.value or f"({row.default})"
        yield _("{name} = {value}  ({source})").format(name=row.name, value=value, source=text(row.source))
        yield _("    {meaning} Takes {takes}.").format(meaning=row.meaning, takes=row.takes)


def page(rows: list[Setting], text: Text) -> str:
    """The table of the page about settings."""
    heads = [text(N_("setting")), text(N_("in the file")), text(N_("default")), text(N_("takes")), text(N_("meaning"))]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        usual = f"`{row.default}`" if row.default and row.default.isascii() and " " not in row.default else row.default
        cells = [f"`{row.name}`", f"`{row.key}`", usual, row.takes, row.meaning]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)
