"""TCP connections as the kernel has them: for tests that ask which process has a peer, or whether any still has, and
for those that end one rudely. Linux only."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

ESTABLISHED: Final = "01"


def connections_at(port: int) -> dict[int, int]:
    """The open connections of the loopback server on `port`: the peer's port -> the socket's inode."""
    found: dict[int, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *rest = line.split()
        inode, peer = int(rest[5]), int(remote.split(":")[1], 16)
        if int(local.split(":")[1], 16) == port and state == ESTABLISHED:
            found[peer] = inode
    return found


def held_by(pid: int, port: int) -> set[int]:
    """The peers' ports of those connections of `port` that this process holds; none when it has ended."""
    descriptors = _descriptors(pid)
    return {peer for peer, inode in connections_at(port).items() if f"socket:[{inode}]" in descriptors}


def command_of(pid: int) -> bytes:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def reset_at_close(connection: socket.socket) -> None:
    """It will end as a dying host's does, with a reset and no goodbye (socket(7), SO_LINGER)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _descriptors(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        for name in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since it was listed
                found.add(os.readlink(name))
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return found
