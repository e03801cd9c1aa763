"""What a wheel needs beyond pyproject.toml: the catalogues compiled, since nobody runs `make` where it is installed."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCatalogues(build_py):
    """Compiles each `.po` of the checkout into the wheel. An editable installation has `make setup`'s."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source in Path().glob("*/locale/*/LC_MESSAGES/*.po"):
                compile_catalogue(source, Path(self.build_lib, source).with_suffix(".mo"))


def compile_catalogue(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as texts, target.open("wb") as compiled:
        write_mo(compiled, read_po(texts))


setup(cmdclass={"build_py": BuildWithCatalogues})
