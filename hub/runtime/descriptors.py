"""How many files and connections this process may have open, and how many of them strangers."""

from typing import Final

LEAST_IN_ALL: Final = 64
NO_LIMIT: Final = 65_536


def most_unknown(descriptors: int) -> int:
    """So many of a process's descriptors may strangers have: half, the rest is for agents and stores."""
    return max(LEAST_IN_ALL, descriptors // 2)


def raise_descriptor_limit() -> int:
    """Raises this process's limit to the hard one; what it is then. Windows has none of this kind."""
    try:
        import resource
    except ImportError:
        return NO_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
