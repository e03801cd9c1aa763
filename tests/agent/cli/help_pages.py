"""All pages of `agent --help`: `python -m tests.agent.cli.help_pages` writes the files that the test compares with,
to be read before they are committed."""

from pathlib import Path

from tests.kit import help_pages
from tests.kit.help_pages import LANGUAGES


def written(language: str) -> Path:
    return Path(__file__).parent / f"help.{language}.txt"


def pages(language: str) -> str:
    return help_pages.pages("agent", "agent.cli.commands", language)


if __name__ == "__main__":
    for language in LANGUAGES:
        written(language).write_text(pages(language), encoding="utf-8")
