"""The kernel's own table of TCP sockets: what waits unsent for whom. Used by `measure_hub`."""

from pathlib import Path


def unsent_bytes(server_port: int, client_ports: set[int]) -> int:
    """Bytes in the send queues of the server's sockets towards these ports of loopback (proc(5), net/tcp)."""
    waiting = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == server_port and int(remote.rpartition(":")[2], 16) in client_ports:
            waiting += int(queues.partition(":")[0], 16)
    return waiting
