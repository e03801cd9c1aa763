"""What a database raises, told apart where it crosses into the hub: one table, for every statement.

Not a list of the errors that an outage can have (drivers raise whatever their parsers stumble over: RuntimeError,
struct.error, IndexError), but the other way round: what the statement asked for and what is wrong with the statement
are known; all else is the environment's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.errors import InDoubt, Rejected, Unavailable
from hub.runtime import metrics

_WRONG_STATEMENTS: Final = frozenset({1054, 1064, 1136, 1146, 1305})
"""MySQL's codes for a statement that can never succeed: no such column, syntax, number of values, table, function.
Source: the error reference of MySQL 8.0 and MariaDB 10.11."""
_WRONG_IN_SQLITE: Final = ("no such column", "no such table", "has no column named", "syntax error")


@contextmanager
def boundary(*, is_commit: bool = False) -> Iterator[None]:
    """Around one call to the driver, and nothing of ours. Raises Unavailable (InDoubt at a COMMIT), Rejected, or the
    driver's own error where the statement is wrong."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise Rejected(words(error)) from error
    except Exception as error:
        if is_our_mistake(error):
            raise
        metrics.UNAVAILABLE.labels("database").inc()
        raise (InDoubt if is_commit else Unavailable)("the database", words(error)) from error


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
    lines = str(origin).splitlines()
    return lines[0][:300] if lines else type(origin).__name__
