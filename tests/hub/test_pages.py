"""Operators' pages in two languages: the same parts in the same order, every command, setting and number in both."""

import re
from pathlib import Path

import pytest

import hub
from hub.language import translations

DOCS = Path(hub.__file__).parent / "docs"
IN_WORDS = {"HUB_JWT_SECRET=new,old", "old,new", "new,old"}
"""Written as they are typed, with words of the language in them."""

in_both = pytest.mark.parametrize(
    ("english", "chinese"),
    [
        tuple((DOCS / f"{name}{suffix}").read_text(encoding="utf-8") for suffix in (".md", ".zh-CN.md"))
        for name in ("running", "audit")
    ],
    ids=("running", "audit"),
)


def levels(page: str) -> list[str]:
    return re.findall(r"^(#+) ", page, re.MULTILINE)


def rows(page: str) -> list[int]:
    """How many rows each table has."""
    return [len(table.splitlines()) for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```.*?^```", page, re.DOTALL | re.MULTILINE)


def typed(page: str) -> set[str]:
    """What is written as it is typed; of pages, which one."""
    outside = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    spans = {span for span in re.findall(r"`([^`]+)`", outside) if span.isascii()}
    return {span.replace(".zh-CN.md", ".md") for span in spans} - IN_WORDS


@in_both
def test_both_have_the_same_parts_tables_and_blocks(english: str, chinese: str) -> None:
    assert levels(chinese) == levels(english)
    assert rows(chinese) == rows(english)
    assert blocks(chinese) == blocks(english)


@in_both
def test_both_name_the_same_commands_and_settings(english: str, chinese: str) -> None:
    assert typed(english) == typed(chinese)


@in_both
def test_both_have_the_same_numbers_in_their_tables(english: str, chinese: str) -> None:
    def numbers(page: str) -> list[str]:
        cells = "".join(re.findall(r"^\|.*\n", page, re.MULTILINE))
        return sorted(re.findall(r"\d+(?:,\d{3})*", cells))

    assert numbers(chinese) == numbers(english)


@pytest.mark.parametrize(("suffix", "language"), [(".md", "en"), (".zh-CN.md", "zh_CN")])
def test_running_has_each_line_of_hub_doctor(suffix: str, language: str) -> None:
    sources = "".join(path.read_text() for path in DOCS.parent.glob("cli/doctor*.py"))
    names = set(re.findall(r'(?:name = |Check\(|clock_check\()_\("([^"]+)"\)', sources))
    assert len(names) > 8
    said = translations(language).gettext
    page = (DOCS / f"running{suffix}").read_text(encoding="utf-8").partition("## healthz")[0]
    assert [name for name in names - {"database"} if said(name) not in page] == []
