"""The guides: both languages tell the same, with pictures that are there and small."""

import re
from pathlib import Path

import pytest

from tests.screenshots import GUIDE, PICTURES

DOCS = PICTURES.parent
GUIDES = {"en": DOCS / "guide.md", "zh_CN": DOCS / "guide.zh-CN.md"}


@pytest.mark.parametrize("language", list(GUIDES))
def test_a_guide_shows_each_picture_of_its_language_once_and_in_words(language: str) -> None:
    shown = re.findall(r"!\[(.+)\]\(pictures/(.+)\)", GUIDES[language].read_text())
    assert sorted(name for _said, name in shown) == sorted(f"{title}-{language}.png" for title in GUIDE)


def test_both_guides_have_the_same_parts() -> None:
    shapes = [re.findall(r"^(#+|!\[|\| |- )", path.read_text(), re.MULTILINE) for path in GUIDES.values()]
    assert shapes[0] == shapes[1]


def test_the_pictures_are_all_used_and_small() -> None:
    files = sorted(PICTURES.iterdir())
    assert [path.name for path in files] == sorted(f"{title}-{name}.png" for title in GUIDE for name in GUIDES)
    assert sum(path.stat().st_size for path in files) < 1_500_000


@pytest.mark.parametrize("path", [*GUIDES.values()], ids=str)
def test_a_guide_links_only_to_what_is_there(path: Path) -> None:
    assert [link for link in re.findall(r"\]\(([^)]+)\)", path.read_text()) if not (DOCS / link).exists()] == []
