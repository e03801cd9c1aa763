"""What is installed works away from the checkout: the wheel, in environments with no extra, with `hub`, with `agent`.

Each environment has what `pip install` of that extra would bring and nothing else: the wheel's own metadata say what,
and the packages are linked from the environment that runs the tests, so no index is asked.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.services.process import ROOT, free_port
from tests.services.waiting import wait_until

SOURCES = ("hub", "agent", "protocol", "sql", "pyproject.toml", "setup.py", "README.md", "LICENSE")
EXTRAS = ("none", "hub", "agent")
ENGLISH, CHINESE = "en_US.UTF-8", "zh_CN.UTF-8"
HAN = re.compile("[\u4e00-\u9fff]")


class Installed:
    """One environment, a home and an empty directory to run in."""

    def __init__(self, root: Path, wheel: Path, extra: str) -> None:
        self.directory = root / extra
        self.python = self.directory / "venv" / "bin" / "python"
        venv.create(self.directory / "venv", symlinks=True)
        link_packages(wheel, extra, next(self.directory.glob("venv/lib/*/site-packages")))
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--no-index", "--no-deps", "-q"]
        subprocess.run([*pip, str(wheel)], check=True)

    def environment(self, language: str) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.directory),
            "LANG": language,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def command(self, *arguments: str) -> list[str]:
        """`hub …` or `agent …` as installed; isolated, so that nothing of the checkout is on its path."""
        program, *rest = arguments
        return [str(self.python), "-I", str(self.python.with_name(program)), *rest]

    def run(self, *arguments: str, language: str = ENGLISH, typed: str = "", **more: str) -> tuple[int, str]:
        """The exit code, and all that was said."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment(language) | more,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout

    @contextmanager
    def running(self, *arguments: str, language: str, typed: str = "", **more: str) -> Iterator[Path]:
        """The program while it stays up; yields the file of what it says."""
        log = self.directory / f"{arguments[0]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.directory,
                env=self.environment(language) | more,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
            )
        try:
            assert process.stdin is not None
            process.stdin.write(typed.encode())
            process.stdin.close()
            yield log
            process.terminate()
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def link_packages(wheel: Path, extra: str, target: Path) -> None:
    """What the wheel's metadata ask for, and what that asks for, linked from this environment."""
    with ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    wanted = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)]
    waiting = [(one, extra) for one in wanted]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, asked_by = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked_by}):
            continue
        for own_extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), own_extra)
            if key not in seen:
                seen.add(key)
                waiting += [(one, own_extra) for one in link(requirement.name, target)]


def link(name: str, target: Path) -> list[Requirement]:
    """One package; returns what it asks for."""
    try:
        found = distribution(name)
    except PackageNotFoundError as error:
        raise AssertionError(f"{name} is not in this environment: make setup") from error
    for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        place = target / top
        if not place.exists():
            place.symlink_to(Path(str(found.locate_file(top))))
    return [Requirement(text) for text in found.requires or ()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy without what `make` compiles, as a fresh clone is."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
        else:
            shutil.copy(ROOT / name, copy / name)
    made = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made)]
    built = subprocess.run([*pip, str(copy)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next(made.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Installed]:
    root = tmp_path_factory.mktemp("installed")
    return {extra: Installed(root, wheel, extra) for extra in EXTRAS}


def test_the_wheel_has_what_runs_need_and_no_sources_of_catalogues(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith(".py")}
    assert {
        "hub/cluster/claim.lua",
        "hub/locale/zh_CN/LC_MESSAGES/hub.mo",
        "agent/locale/zh_CN/LC_MESSAGES/agent.mo",
    } <= names
    assert [name for name in names if name.endswith(".po")] == []


@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
@pytest.mark.parametrize(
    ("extra", "command", "missing"),
    [
        ("none", ("hub", "serve"), "hub"),
        ("none", ("hub", "doctor"), "hub"),
        ("none", ("agent", "history"), "agent"),
        ("hub", ("agent", "--headless"), "agent"),
        ("agent", ("hub", "migrate"), "hub"),
    ],
)
def test_a_missing_extra_is_one_sentence_with_the_command_that_mends_it(
    installed: dict[str, Installed], extra: str, command: tuple[str, ...], missing: str, language: str
) -> None:
    here = installed[extra]
    code, said = here.run(*command, language=language)
    assert code == 2, said
    assert f"{here.python} -m pip install 'bn-auto[{missing}]'" in said
    assert len(said.splitlines()) <= 2, said
    assert bool(HAN.search(said)) == (language == CHINESE), said


@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
def test_an_admins_laptop_needs_no_extra(installed: dict[str, Installed], language: str) -> None:
    here = installed["none"]
    code, said = here.run("hub", "--help", language=language)
    assert code == 0, said
    assert bool(HAN.search(said)) == (language == CHINESE)
    nobody = f"http://127.0.0.1:{free_port()}"
    code, said = here.run("hub", "orders", "list", language=language, HUB_URL=nobody, HUB_ADMIN_TOKEN="t" * 32)
    assert code == 3, said
    assert nobody in said


@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
def test_a_hub_and_an_agent_that_are_installed_take_an_order_from_start_to_end(
    installed: dict[str, Installed], language: str
) -> None:
    server, trader, laptop = installed["hub"], installed["agent"], installed["none"]
    token, port, name = "t" * 32, free_port(), f"trader-{language[:2]}"
    settings = {
        "HUB_URL": f"http://127.0.0.1:{port}",
        "HUB_PORT": str(port),
        "HUB_ADMIN_TOKEN": token,
        "HUB_DATA_DIR": str(server.directory / language),
    }
    password = "a password of sixteen signs"
    with server.running("hub", "serve", language=language, **settings):
        wait_until(lambda: laptop.run("hub", "users", "list", **settings)[0] == 0, "the hub answers")
        code, said = laptop.run("hub", "users", "add", name, "--password-stdin", typed=password, **settings)
        assert code == 0, said
        joining = ("agent", "--headless", "--server", settings["HUB_URL"], "--user", name, "--password-stdin")
        with trader.running(*joining, language=language, typed=password) as log:
            order = ("BTCUSDT", "LONG", "TEN_MINUTE", "--valid", "60", "--watch", "--timeout", "30")
            code, said = laptop.run("hub", "orders", "publish", *order, language=language, **settings)
            assert code == 0, said
            assert bool(HAN.search(said)) == (language == CHINESE)
    assert bool(HAN.search(log.read_text())) == (language == CHINESE), log.read_text()
    code, said = trader.run("agent", "history", "--json", "--user", name)
    assert code == 0, said
    assert '"success"' in said
    code, said = trader.run("agent", "--user", name, language=language)
    assert code == 2, said
    assert "pip install 'bn-auto[desk]'" in said
