"""What a database raises, told apart where it crosses into the hub: one table, for every statement.

Not a list of the errors that an outage can have (drivers raise whatever their parsers stumble over: RuntimeError,
struct.error, IndexError), but the other way round: what the statement asked for and what is wrong with the statement
are known; all else is the environment's.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.errors import Fault, InDoubt, Rejected, Unavailable, Unfit
from hub.runtime import metrics

_WRONG_STATEMENTS: Final = frozenset({1054, 1064, 1136, 1146, 1305})
"""MySQL's codes for a statement that can never succeed: no such column, syntax, number of values, table, function.
Source: the error reference of MySQL 8.0 and MariaDB 10.11."""
_AT_THE_END: Final = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1180, 1927, 3024})
"""Codes that a server sends while it ends a connection or fails to commit: what stands is not known."""
_FAULTS: Final[dict[Fault, frozenset[int]]] = {
    "login": frozenset({1045, 1251, 1698, 1862, 3118, 4151}),
    "host": frozenset({1129, 1130}),
    "database": frozenset({1049}),
    "rights": frozenset({1044, 1142, 1143, 1227, 1370}),
    "read_only": frozenset({1290, 1792, 1836}),
    "tls": frozenset({3159}),
}
"""Codes of a server that answers, and will not do it however often it is asked. Source: as above."""
_READ_ONLY_IN_SQLITE: Final = "readonly database"
_WRONG_IN_SQLITE: Final = ("no such column", "no such table", "has no column named", "syntax error")


@contextmanager
def boundary(*, decides: bool = False) -> Iterator[None]:
    """Around one call to the driver, and nothing of ours. Raises Unavailable, Rejected, or the driver's own error where
    the statement is wrong.

    `decides`: the call is a COMMIT, or a statement that commits by itself; where the server did not answer it, it may
    stand or not, and InDoubt is raised.
    """
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise Rejected(words(error)) from error
    except Exception as error:
        if is_our_mistake(error):
            raise
        metrics.UNAVAILABLE.labels("database").inc()
        if decides and not _is_an_answer(error):
            raise InDoubt("the database", words(error)) from error
        raise unavailable(error) from error


def unavailable(error: Exception) -> Unavailable:
    """What the driver raised, as ours; Unfit where asking again mends nothing."""
    fault = _fault(error)
    return Unavailable("the database", words(error)) if fault is None else Unfit("the database", words(error), fault)


def _fault(error: Exception) -> Fault | None:
    if not isinstance(error, DBAPIError):
        return None
    number = next(iter(getattr(error.orig, "args", ())), None)
    if isinstance(number, int):
        return next((fault for fault, numbers in _FAULTS.items() if number in numbers), None)
    return "read_only" if _READ_ONLY_IN_SQLITE in str(error.orig) else None


def _is_an_answer(error: Exception) -> bool:
    """Whether the server itself said no, so that nothing stands: MySQL's server errors are numbered below 2000 and from
    3000 on, its client's in between. SQLite is no server; what it raises is an answer."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    arguments = getattr(error.orig, "args", ())
    if arguments and isinstance(arguments[0], int):
        return (1000 <= arguments[0] < 2000 or arguments[0] >= 3000) and arguments[0] not in _AT_THE_END
    return isinstance(getattr(error.orig, "__cause__", None) or error.orig, sqlite3.Error)


def is_our_mistake(error: Exception) -> bool:
    """Whether the statement itself is wrong: asked again it would fail again, on a healthy database too."""
    if isinstance(error, DBAPIError):
        arguments = getattr(error.orig, "args", ())
        if arguments and isinstance(arguments[0], int):
            return arguments[0] in _WRONG_STATEMENTS
        return any(sign in str(error.orig) for sign in _WRONG_IN_SQLITE)
    if isinstance(error, PoolTimeout | InvalidRequestError):
        return False  # no connection to be had
    return isinstance(error, SQLAlchemyError)


def words(error: BaseException) -> str:
    """The driver's words in one line, without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, UnicodeError):
        return "its URL has a sign that the driver cannot write"  # the driver's own words name it
    match getattr(origin, "args", ()):
        case (int() as number, str() as said):
            origin = f"error {number}: {said}"  # as MySQL's client says it, not as a tuple
    lines = str(origin).splitlines()
    return lines[0][:300] if lines else type(origin).__name__
