"""The pages of `--help`: as they were read and written down, in two languages, 80 columns wide."""

import re

import pytest
from rich.cells import cell_len

from tests.kit.help_pages import LANGUAGES

from .help_pages import pages, written

NO_PROSE = (
    r"^\$ .*",
    r"示例：.*(\n    .*)*",
    r"`[^`]*`",
    r"'[^']*'",
    r"https?://\S+",
    r"[\w.~/-]*[/.][\w./-]+",
    r"--?[a-z-]+",
    r"\b[A-Z_|]+\b",
    r"\b[a-z]+(\|[a-z]+)+",
)
"""Commands, examples, addresses, paths, options, placeholders and choices."""
NAMES = {
    "hub",
    "http",
    "json",
    "bash",
    "zsh",
    "fish",
    "never",
    "shell",
    "bashrc",
    "redis",
    "sqlite",
    "ctrl",
    "trader",
    "paper",
    "name",
    "role",
    "expiry",
}
"""What is written so in Chinese too. Placeholders, codes and settings are in capitals, examples are commands."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_as_it_was_written_down_and_fits_80_columns(language: str) -> None:
    found = pages(language)
    assert found == written(language).read_text(encoding="utf-8"), "read it, then: python -m tests.hub.cli.help_pages"
    assert [line for line in found.splitlines() if cell_len(line) > 80] == []


def test_no_word_of_the_chinese_pages_is_english() -> None:
    text = written("zh_CN").read_text(encoding="utf-8")
    assert untranslated(text) == set()
    assert untranslated(text.replace("显示本页后退出。", "Says what it does.")) == {"says", "what", "it", "does"}


def untranslated(text: str) -> set[str]:
    """English words of the pages' prose."""
    commands = re.findall(r"^\$ hub (.*) --help$", text, re.MULTILINE)
    known = NAMES | {word for command in commands for word in command.split()}
    prose = re.sub("|".join(NO_PROSE), " ", text, flags=re.MULTILINE)
    return {word.lower() for word in re.findall(r"[A-Za-z]{2,}", prose)} - known
