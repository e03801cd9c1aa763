"""All pages of `agent --help` in one language, as one text: `python -m tests.agent.cli.help_pages` writes the files
that the test compares with, to be read before they are committed."""

import os
import subprocess
import sys
from pathlib import Path

LANGUAGES = ("en", "zh_CN")
EVERY_PAGE = """
import sys
import typer
from agent.__main__ import main
from agent.cli.commands import app

def pages(command, path):
    print(f"$ {' '.join(('agent', *path, '--help'))}", flush=True)
    sys.argv = ["agent", *path, "--help"]
    assert main() == 0
    print()
    for name, inner in getattr(command, "commands", {}).items():
        pages(inner, (*path, name))

pages(typer.main.get_command(app), ())
"""


def written(language: str) -> Path:
    return Path(__file__).parent / f"help.{language}.txt"


def pages(language: str) -> str:
    """As a person sees them on a terminal of 80 columns."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_")}
    environment |= {"AGENT_LANGUAGE": language, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", EVERY_PAGE]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


if __name__ == "__main__":
    for language in LANGUAGES:
        written(language).write_text(pages(language), encoding="utf-8")
