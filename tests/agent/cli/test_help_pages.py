"""The pages of `--help`: as they were read and written down, in two languages, 80 columns wide, and soon there."""

import json
import os
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from tests.kit.help_pages import LANGUAGES

from .help_pages import pages, written

HEAVY = {"PyQt6", "aiohttp", "playwright", "sqlalchemy", "keyring", "structlog", "websockets", "pyqtgraph"}
NO_PROSE = (
    r"^\$ .*",
    r"示例：.*(\n    .*)*",
    r"`[^`]*`",
    r"https?://\S+",
    r"[\w.~/-]*[/.][\w./-]+",
    r"--?[a-z-]+",
    r"\b[A-Z_]+\b",
    r"agent [a-z]+[ a-z0-9]*",
    r"binance-web",
)
"""Commands, examples, addresses, paths, options, placeholders and codes."""
NAMES = {"paper", "simulated", "live", "http", "text", "json", "continue", "bash", "zsh", "fish", "shell", "App", "key"}
NAMES |= {"csrftoken", "secret", "success", "failed", "unknown", "default", "off"}
"""What is typed so in Chinese too."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_as_it_was_written_down_and_fits_80_columns(language: str) -> None:
    found = pages(language)
    assert found == written(language).read_text(encoding="utf-8"), "read it, then: python -m tests.agent.cli.help_pages"
    assert [line for line in found.splitlines() if cell_len(line) > 80] == []


def test_no_word_of_the_chinese_pages_is_english() -> None:
    text = written("zh_CN").read_text(encoding="utf-8")
    assert untranslated(text) == set()
    assert untranslated(text.replace("显示本页后退出。", "Says what it does.")) == {"Says", "what", "it", "does"}


def untranslated(text: str) -> set[str]:
    """English words of the pages' prose."""
    commands = re.findall(r"^\$ agent (.*) --help$", text, re.MULTILINE)
    known = NAMES | {"agent"} | {word for command in commands for word in command.split()}
    prose = re.sub("|".join(NO_PROSE), " ", text, flags=re.MULTILINE)
    return set(re.findall(r"[A-Za-z]{2,}", prose)) - known


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--help"], ["bind", "--help"], ["--version"]])
def test_nothing_heavy_is_imported_for_a_page(arguments: list[str]) -> None:
    script = f"""
import json, sys
from agent.__main__ import main
sys.argv = ["agent", *{arguments!r}]
main()
print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()


@pytest.mark.parametrize(
    ("arguments", "message", "field"),
    [
        (["history", "--jsn", "--json"], "There is no option --jsn; the nearest is --json.", None),
        (["history", "--json", "--user", "nobody", "--data-dir", os.devnull], "No orders have reached", None),
        (["doctor", "--json", "--server", "hub"], "AGENT_SERVER_URL", None),
    ],
)
def test_programs_are_told_in_json(arguments: list[str], message: str, field: str | None) -> None:
    command = [sys.executable, "-m", "agent", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout, error["field"]) == (2 if error["code"] == "usage" else 1, "", field)
    assert message in error["message"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    command = [sys.executable, "-m", "agent", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "_AGENT_COMPLETE" in script
    asked = {"_AGENT_COMPLETE": f"complete_{shell}", "COMP_WORDS": "agent hist", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "agent hist", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    answered = subprocess.run(
        [sys.executable, "-m", "agent"], capture_output=True, text=True, check=False, env=os.environ | asked
    )
    assert "history" in answered.stdout
