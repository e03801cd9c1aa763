"""Installs the peers where they are missing: `python -m tests.bench.install`.

Debian's packages through apt-get (as root; else it prints the command and ends with 1), Socket.IO through npm into
a folder beside the bench that git ignores, python-socketio and matplotlib through pip into the running environment.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .peers.socketio_node import MODULES

_DEBIAN: Final = {
    "nginx": lambda: shutil.which("nginx"),
    "libnginx-mod-nchan": lambda: any(Path("/usr/lib/nginx/modules").glob("*nchan*")),
    "nats-server": lambda: shutil.which("nats-server"),
    "nodejs": lambda: shutil.which("node"),
    "npm": lambda: shutil.which("npm"),
    "redis-server": lambda: shutil.which("redis-server"),
    "mariadb-server": lambda: shutil.which("mariadbd"),
}
_PYTHON: Final = {"socketio": "python-socketio>=5.11", "matplotlib": "matplotlib>=3.9"}
_NODE: Final = "socket.io@^4.8"


def missing_debian() -> list[str]:
    """Debian packages that are not there."""
    return [name for name, is_there in _DEBIAN.items() if not is_there()]


def install_debian() -> bool:
    """Whether all are there afterwards. Nothing is started: the bench runs its own copies on its own ports."""
    missing = missing_debian()
    if not missing:
        return True
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        print("missing system packages; install them with:\n  sudo", " ".join(command), file=sys.stderr)
        return False
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=env)
    subprocess.run(command, check=True, env=env)
    return True


def install_node() -> None:
    """socket.io, with production dependencies only."""
    if (MODULES / "socket.io" / "package.json").exists():
        return
    MODULES.parent.mkdir(exist_ok=True)
    command = ["npm", "install", "--prefix", str(MODULES.parent), "--omit=dev", "--no-audit", "--no-fund", _NODE]
    subprocess.run(command, check=True)


def install_python() -> None:
    """python-socketio and matplotlib."""
    missing = [wanted for module, wanted in _PYTHON.items() if importlib.util.find_spec(module) is None]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing], check=True)


def main() -> int:
    """Install what is missing; 1 where that needs root."""
    if not install_debian():
        return 1
    install_node()
    install_python()
    return 0


if __name__ == "__main__":
    sys.exit(main())
