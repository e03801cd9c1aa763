"""What the C library keeps of memory that was freed, and its return to the system.

glibc gives back what is free at the end of its heap only: behind one object that stays, all that a crowd or a flood
had is kept. Other C libraries, and other systems, have nothing of this kind; there nothing is done.
"""

import ctypes
import sys
from typing import Final


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of malloc.h, in bytes; `fordblks` is what is free."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def _glibc() -> ctypes.CDLL | None:
    """2.33 or newer."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallinfo2") and hasattr(library, "malloc_trim")):
        return None
    library.mallinfo2.restype = _Mallinfo
    return library


_library: Final = _glibc()


def free_bytes() -> int:
    """How much the C library has of what was freed, given back in part or not; 0 where it does not say."""
    return 0 if _library is None else int(_library.mallinfo2().fordblks)


def give_back() -> None:
    """Gives whole pages of it back. Takes a fifth of a millisecond for each MiB that is free, in which nobody
    allocates."""
    if _library is not None:
        _library.malloc_trim(0)
