"""The kernel's own table of TCP sockets: what waits unsent for whom. Used by `measure_hub`."""

from pathlib import Path


def unsent_bytes(server_port: int, client_ports: set[int]) -> dict[int, int]:
    """Bytes in the send queues of the server's sockets towards these ports of loopback, each (proc(5), net/tcp)."""
    waiting = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        port = int(remote.rpartition(":")[2], 16)
        if int(local.rpartition(":")[2], 16) == server_port and port in client_ports:
            waiting[port] = int(queues.partition(":")[0], 16)
    return waiting
