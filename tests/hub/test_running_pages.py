"""`running.md` in two languages: the same parts in the same order, and every command, setting and number in both."""

import re
from pathlib import Path

import hub

DOCS = Path(hub.__file__).parent / "docs"
ENGLISH, CHINESE = ((DOCS / name).read_text(encoding="utf-8") for name in ("running.md", "running.zh-CN.md"))


def levels(page: str) -> list[str]:
    return re.findall(r"^(#+) ", page, re.MULTILINE)


def rows(page: str) -> list[int]:
    """How many rows each table has."""
    return [len(table.splitlines()) for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)]


def typed(page: str) -> set[str]:
    """What is written as it is typed."""
    outside = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    return {span for span in re.findall(r"`([^`]+)`", outside) if span.isascii()}


def test_both_have_the_same_parts_and_tables() -> None:
    assert levels(CHINESE) == levels(ENGLISH)
    assert rows(CHINESE) == rows(ENGLISH)


def test_both_name_the_same_commands_and_settings() -> None:
    in_words = {"HUB_JWT_SECRET=new,old", "old,new", "new,old"}
    assert typed(ENGLISH) - in_words == typed(CHINESE)


def test_both_have_the_same_numbers_in_their_tables() -> None:
    def numbers(page: str) -> list[str]:
        cells = "".join(re.findall(r"^\|.*\n", page, re.MULTILINE))
        return sorted(re.findall(r"\d+(?:,\d{3})*", cells))

    assert numbers(CHINESE) == numbers(ENGLISH)
