"""Conditions on lists of values.

SQLAlchemy's `column.in_(values)` leaves objects that hold each other, five a call, for a collection that may be long in
coming. The invariant: of a statement that is executed all day nothing is left; it is made once, and each execution
gives it its values.
"""

from typing import Any

from sqlalchemy import ColumnElement, bindparam


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether the column's value is in the list that is given under this name when the statement is executed."""
    return column.in_(bindparam(name, expanding=True))
