"""Files that are their owner's alone: closed where they were open, refused where they cannot be closed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from protocol.privacy import OpenToOthers, close_to_others, keep_new_files_private, open_to_others
from tests.kit.modes import mode

pytestmark = pytest.mark.usefixtures("careless_umask")


def test_what_is_made_after_the_start_is_the_owners_alone(tmp_path: Path) -> None:
    keep_new_files_private()
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == (0o600, 0o700)


@pytest.mark.parametrize("before", [0o644, 0o640, 0o666, 0o604, 0o700 | 0o011])
def test_what_others_can_use_in_any_way_is_closed_and_named(tmp_path: Path, before: int) -> None:
    file, private = tmp_path / "file", tmp_path / "private"
    for path in (file, private):
        path.write_text("kept")
        path.chmod(0o600)
    file.chmod(before)
    assert close_to_others([private, file, tmp_path / "absent"]) == [file]
    assert mode(file) == before & 0o700
    assert open_to_others([private, file]) == []
    assert file.read_text() == "kept"


def test_looking_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o644)
    assert open_to_others([tmp_path / "file"]) == [tmp_path / "file"]
    assert mode(tmp_path / "file") == 0o644


def test_a_directory_that_everybody_shares_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(OpenToOthers, match="everybody shares"):
        close_to_others([shared])
    assert mode(shared) == 0o1777


@contextmanager
def somebody_elses_file() -> Iterator[Path]:
    """One that this process may look at and not change; where it is root, it is nobody meanwhile."""
    if os.geteuid() != 0:
        yield Path("/etc/passwd")
        return
    with TemporaryDirectory(dir="/tmp") as folder:
        file = Path(folder, "file")
        file.touch(0o644)
        Path(folder).chmod(0o755)
        os.seteuid(65534)
        try:
            yield file
        finally:
            os.seteuid(0)


def test_what_is_not_ours_to_close_is_refused_with_the_systems_words() -> None:
    with somebody_elses_file() as file:
        with pytest.raises(OpenToOthers, match="not permitted") as refused:
            close_to_others([file])
        assert refused.value.path == file
        assert mode(file) == 0o644
