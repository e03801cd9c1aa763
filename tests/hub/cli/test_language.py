"""The catalogue: whole, sound, and chosen as the reader's environment asks."""

import ast
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from hub.language import LOCALE_DIR, catalogue_for, translations, wanted_language
from protocol import manual, settings, usage

HUB = LOCALE_DIR.parent
SOURCES = [*HUB.rglob("*.py"), *(Path(module.__file__) for module in (settings, manual, usage))]
CATALOGUES = sorted(LOCALE_DIR.glob("*/LC_MESSAGES/hub.po"))


def texts_in_code() -> set[str]:
    """Every text that is handed to `_` or `N_`."""
    calls = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())))
    return {
        str(node.args[0].value)
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "N_")
        and isinstance(node.args[0], ast.Constant)
    }


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_has_each_text_with_the_same_fields(path: Path) -> None:
    with path.open("rb") as file:
        messages = {str(message.id): message for message in read_po(file) if message.id}
    assert texts_in_code() - set(messages) == set(), "not translated"
    assert set(messages) - texts_in_code() == set(), "no longer used"
    for text, message in messages.items():
        assert message.string, f"{text!r} is empty"
        assert not message.fuzzy
        assert fields(text) == fields(str(message.string))


def fields(text: str) -> set[tuple[str | None, str | None]]:
    return {(name, spec) for _text, name, spec, _conversion in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, ""),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "C"),
        ({"LANG": "de_DE.UTF-8@euro", "HUB_LANGUAGE": "zh-CN"}, "zh_CN"),
        ({"HUB_LANGUAGE": "", "LANGUAGE": "zh_CN:en"}, "zh_CN"),
    ],
)
def test_the_environment_says_which_language(environment: dict[str, str], language: str) -> None:
    assert wanted_language(environment) == language


@pytest.mark.parametrize(
    ("language", "is_chinese"),
    [("zh_CN", True), ("zh", True), ("zh_SG", True), ("en", False), ("C", False), ("", False), ("xx", False)],
)
def test_a_language_reads_its_own_catalogue_or_a_sisters_and_else_english(language: str, is_chinese: bool) -> None:
    assert (catalogue_for(language) is not None) == is_chinese
    assert translations(language).gettext("claimed") == ("已分配" if is_chinese else "claimed")
    assert translations(language).gettext("never heard of") == "never heard of"
