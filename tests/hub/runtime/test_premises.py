"""An address that cannot be had and a directory that cannot be written are said before anything starts."""

import socket
from pathlib import Path

import pytest

from hub.runtime.premises import why_not_listen, why_not_write


def test_a_free_port_is_free_and_stays_so() -> None:
    assert why_not_listen("127.0.0.1", 0) is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "is taken by another program" in str(why_not_listen("127.0.0.1", port))
    assert why_not_listen("127.0.0.1", port) is None


@pytest.mark.parametrize(
    ("host", "says"), [("192.0.2.1", "no address of this machine"), ("a b", "no address that is known here")]
)
def test_an_address_that_is_not_ours_is_said(host: str, says: str) -> None:
    assert says in str(why_not_listen(host, 0))


def test_a_directory_is_made_and_left_empty(tmp_path: Path) -> None:
    assert why_not_write(tmp_path / "new" / "hub") is None
    assert list((tmp_path / "new" / "hub").iterdir()) == []


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_what_is_no_directory_is_said(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path / path} cannot be written" in str(why_not_write(tmp_path / path))
