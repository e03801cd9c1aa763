"""Every link of every page into this project leads to a file that is there, and to a heading that it has."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.services.process import ROOT

CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")


def pages() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings, a repeated one with a number."""
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.M), re.M)
    made: list[str] = []
    for heading in headings:
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        made.append(f"{name}-{made.count(name)}" if name in made else name)
    return set(made)


def is_broken(page: Path, path: str, anchor: str) -> bool:
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


@pytest.mark.parametrize("name", pages())
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    found = LINK.findall(CODE.sub("", page.read_text()))
    assert [link for link in found if is_broken(page, *link)] == []


def test_a_link_astray_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Healthz `and` readyz: what?\n# 停止全部交易（中文）\n")
    assert anchors(page) == {"healthz-and-readyz-what", "停止全部交易中文"}
    assert [is_broken(page, *link) for link in (("", "nowhere"), ("no.md", ""), ("page.md", "停止全部交易中文"))] == [
        True,
        True,
        False,
    ]
