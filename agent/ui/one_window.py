"""One window an account on this computer: a second start of the same account raises the first one's window.

The invariant: only this user's own programs are listened to, and all they can ask for is to be shown the window. The
journal's lock, not this, is what keeps two agents apart.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtNetwork import QLocalServer, QLocalSocket

WAIT_MS = 500


class OneWindow:
    """Of one account in one data directory."""

    def __init__(self, data_dir: Path, account: str, raise_window: Callable[[], None]) -> None:
        self._name = _name(data_dir, account)
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._asked)
        self._raise = raise_window

    def take(self) -> bool:
        """Be the one; False where another is, which has been asked to show itself."""
        if is_open(self._name):
            return False
        QLocalServer.removeServer(self._name)  # of a program that was killed
        return self._server.listen(self._name)

    def give_up(self) -> None:
        """Be it no more."""
        self._server.close()

    def _asked(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            self._raise()


def raise_other(data_dir: Path, account: str) -> bool:
    """Whether the account's window is open in another program, which shows it now."""
    return is_open(_name(data_dir, account))


def is_open(name: str) -> bool:
    """Whether somebody listens; connecting is the question to be shown."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    found = socket.waitForConnected(WAIT_MS)
    socket.disconnectFromServer()
    return found


def _name(data_dir: Path, account: str) -> str:
    return "bn-auto-" + hashlib.sha256(f"{data_dir.absolute()}\n{account}".encode()).hexdigest()[:16]
