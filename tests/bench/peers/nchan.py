"""Nchan: nginx's pub/sub module in C, one worker, a subscriber a WebSocket, published to over HTTP."""

import subprocess
from typing import Final

from tests.services.process import free_port

from ..generator import Target
from ..processes import is_listening
from .base import Peer, Published, Wire, payload

_MODULE: Final = "/usr/lib/nginx/modules/ngx_nchan_module.so"
"""Where Debian's libnginx-mod-nchan puts it."""

_CONFIG: Final = """
load_module {module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000;
    keepalive_timeout 3600;
    tcp_nodelay on;
    nchan_max_reserved_memory 256m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /publish {{ nchan_publisher http; nchan_channel_id bench; nchan_message_buffer_length 1; }}
        location = /subscribe {{ nchan_subscriber websocket; nchan_channel_id bench;
                                 nchan_subscriber_first_message newest; }}
    }}
}}
"""


class Nchan(Peer):
    """Nchan as a peer."""

    name = "nchan"
    title = "Nchan (C, nginx)"

    def start(self) -> None:
        self._port = free_port()
        config = self.programs.folder / "nginx.conf"
        config.write_text(_CONFIG.format(module=_MODULE, folder=self.programs.folder, port=self._port))
        command = ["nginx", "-c", str(config), "-p", str(self.programs.folder), "-g", self._user()]
        self.program = self.programs.start(self.name, command, self.programs.cores.server)
        self.program.wait_until(lambda: is_listening(self._port))
        self._wire = Wire(self._port)

    @staticmethod
    def _user() -> str:
        """nginx started by root drops its worker to www-data, who may not write into a private folder."""
        return "user root;" if subprocess.run(["id", "-u"], capture_output=True).stdout.strip() == b"0" else ""

    def target(self) -> Target:
        return Target("nchan", self._port, "/subscribe")

    def publish(self) -> Published:
        order_id = self.next_id()
        t0, _ = self._wire.post("/publish", payload(order_id))
        return Published(order_id, t0)

    def version(self) -> str:
        asked = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
        query = ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"]
        package = subprocess.run(query, capture_output=True, text=True).stdout.strip()
        return f"{package} in {asked.rpartition(': ')[2]}"
