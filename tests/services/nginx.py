"""A real nginx before hubs, as `hub/docs` has it: it appends the peer's address to X-Forwarded-For."""

import socket
from pathlib import Path
from typing import Final

from .process import Server, program

_CONFIG: Final = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream hubs {{ {hubs} }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://hubs;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


class Nginx(Server):
    """One port before several hubs, asked in turn."""

    def __init__(self, directory: Path, ports: list[int]) -> None:
        super().__init__("nginx", directory)
        self._hubs = ports

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        hubs = " ".join(f"server 127.0.0.1:{port};" for port in self._hubs)
        file = self.directory / "nginx.conf"
        file.write_text(_CONFIG.format(directory=self.directory, hubs=hubs, port=self.port))
        return [program("nginx"), "-p", str(self.directory), "-c", str(file)]

    def is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True
