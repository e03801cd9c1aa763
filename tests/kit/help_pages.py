"""All pages of a program's `--help` in one language, as one text, which a test compares with a file."""

import os
import subprocess
import sys

LANGUAGES = ("en", "zh_CN")
EVERY_PAGE = """
import sys
import typer
from {program}.__main__ import main
from {app} import app

def pages(command, path):
    print(f"$ {{' '.join(('{program}', *path, '--help'))}}", flush=True)
    sys.argv = ["{program}", *path, "--help"]
    assert main() == 0
    print()
    for name, inner in getattr(command, "commands", {{}}).items():
        pages(inner, (*path, name))

pages(typer.main.get_command(app), ())
"""


def pages(program: str, app: str, language: str) -> str:
    """As a person sees them on a terminal of 80 columns. `app`: the module that has the command line."""
    ours = f"{program.upper()}_"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {f"{ours}LANGUAGE": language, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", EVERY_PAGE.format(program=program, app=app)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
