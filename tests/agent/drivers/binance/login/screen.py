"""A screen without a monitor, and what a person does on it: closing every window, as a window manager would say it."""

import ctypes as c
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

CLIENT_MESSAGE: Final = 33


@contextmanager
def screen() -> Iterator[str]:
    """An X server on a display that it chooses itself; gives the display's name."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x960x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=(write_end,), stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as said:
            yield f":{int(said.readline())}"
    finally:
        server.terminate()
        server.wait(10)


class _Message(c.Structure):
    _fields_ = (
        ("type", c.c_int),
        ("serial", c.c_ulong),
        ("send_event", c.c_int),
        ("display", c.c_void_p),
        ("window", c.c_ulong),
        ("message_type", c.c_ulong),
        ("format", c.c_int),
        ("data", c.c_long * 5),
        ("rest", c.c_long * 16),
    )


def close_windows(display: str) -> int:
    """Ask every window that can be asked to close; how many were."""
    x11 = _library()
    server = x11.XOpenDisplay(display.encode())
    assert server, f"no X server at {display}"
    try:
        delete = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
        windows = [window for window in _windows(x11, server) if delete in _protocols(x11, server, window)]
        for window in windows:
            protocols = x11.XInternAtom(server, b"WM_PROTOCOLS", 0)
            message = _Message(type=CLIENT_MESSAGE, window=window, message_type=protocols, format=32)
            message.data[0] = delete
            x11.XSendEvent(server, window, 0, 0, c.byref(message))
        x11.XFlush(server)
        return len(windows)
    finally:
        x11.XCloseDisplay(server)


def _windows(x11: Any, server: Any) -> list[int]:
    root, parent, children, count = c.c_ulong(), c.c_ulong(), c.POINTER(c.c_ulong)(), c.c_uint()
    found = (c.byref(one) for one in (root, parent, children, count))
    x11.XQueryTree(server, x11.XDefaultRootWindow(server), *found)
    return [children[number] for number in range(count.value)]


def _protocols(x11: Any, server: Any, window: int) -> list[int]:
    atoms, count = c.POINTER(c.c_ulong)(), c.c_int()
    if not x11.XGetWMProtocols(server, window, c.byref(atoms), c.byref(count)):
        return []
    return [atoms[number] for number in range(count.value)]


def _library() -> Any:
    x11 = c.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = c.c_void_p
    x11.XDefaultRootWindow.restype = x11.XInternAtom.restype = c.c_ulong
    for name in ("XDefaultRootWindow", "XFlush", "XCloseDisplay"):
        getattr(x11, name).argtypes = [c.c_void_p]
    x11.XInternAtom.argtypes = [c.c_void_p, c.c_char_p, c.c_int]
    x11.XQueryTree.argtypes = [c.c_void_p, c.c_ulong, *[c.c_void_p] * 4]
    x11.XGetWMProtocols.argtypes = [c.c_void_p, c.c_ulong, c.c_void_p, c.c_void_p]
    x11.XSendEvent.argtypes = [c.c_void_p, c.c_ulong, c.c_int, c.c_long, c.c_void_p]
    return x11
