"""The tables, one definition for MySQL/MariaDB and SQLite.

Times are `DATETIME(6)` in UTC in the database and integer epoch milliseconds everywhere else: `Millis` is the
only place where one becomes the other.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


class Millis(TypeDecorator[int]):
    """Epoch milliseconds in Python, `DATETIME(6)` in UTC in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect):  # type: ignore[no-untyped-def]
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else DateTime())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else (EPOCH + value * MILLISECOND).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value.replace(tzinfo=UTC) - EPOCH) // MILLISECOND


def _exact(length: int) -> String:
    """Text that compares by its bytes everywhere: MySQL's default would take `Ann` and `ann` for one name."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


# SQLite counts rows only in an INTEGER PRIMARY KEY.
_Id = BigInteger().with_variant(Integer(), "sqlite")
_LongText = Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4"), "mysql", "mariadb")
_INNODB: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("username", _exact(50), nullable=False, unique=True),
    Column("password", String(255), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("expire_at", Millis),
    Column("created_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    Column("role", String(16), nullable=False),
    Column("session_id", String(64)),
    Index(None, "status"),
    Index(None, "expire_at"),
    **_INNODB,
)

orders = Table(
    "orders",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("time_increments", String(16), nullable=False),
    Column("symbol_name", String(20), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("valid_duration", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("created_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    Column("created_by", _Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("idempotency_key", _exact(128), unique=True),
    Column("targets", _LongText),
    Index(None, "status"),
    Index(None, "created_at"),
    **_INNODB,
)

order_assignments = Table(
    "order_assignments",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("order_id", _Id, ForeignKey("orders.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", _Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("assigned_at", Millis, nullable=False),
    Column("executed_at", Millis),
    Column("execution_result", _LongText),
    Column("device_id", _exact(80), nullable=False),
    Column("acked_at", Millis),
    Column("outcome", String(16)),
    Column("presumed", SmallInteger),
    Column("journal", _exact(64)),
    Column("settlement", String(24)),
    Column("settled_at", Millis),
    UniqueConstraint("order_id", "user_id"),
    Index(None, "user_id"),
    Index(None, "assigned_at"),
    Index(None, "outcome"),
    **_INNODB,
)
"""`presumed`: 1 where the hub itself ended it, for want of a report; `journal`: the agent's journal that the order went
to; `settlement`: `won`, `lost` or `tie`, a blank, and `estimated` or `confirmed`."""

contradictions = Table(
    "contradictions",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("order_id", _Id, ForeignKey("orders.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", _Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("device_id", _exact(80), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("executed_at", Millis, nullable=False),
    Column("execution_result", _LongText, nullable=False),
    Column("reported_at", Millis, nullable=False),
    UniqueConstraint("order_id", "user_id", "device_id"),
    Index(None, "user_id"),
    **_INNODB,
)
"""Results from a device that is not the row's owner: evidence that an order may have been submitted twice."""

journals = Table(
    "journals",
    metadata,
    Column("journal", _exact(64), primary_key=True),
    Column("user_id", _Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("start", _exact(64), nullable=False),
    Column("is_copy", SmallInteger, nullable=False),
    Column("seen_at", Millis, nullable=False),
    Index(None, "user_id"),
    **_INNODB,
)
"""Agents' journals, each with the last start of the program that was seen of it, and whether that start
did not follow the one before."""

hub_state = Table(
    "hub_state",
    metadata,
    Column("name", _exact(40), primary_key=True),
    Column("value", _exact(255), nullable=False),
    **_INNODB,
)
"""Facts about the installation, one row each. `hub_id`: a random id, made by the migration that made the table."""

hub_processes = Table(
    "hub_processes",
    metadata,
    Column("name", _exact(80), primary_key=True),
    Column("redis", _exact(120)),
    Column("unwritten", Integer),
    Column("seen_at", Millis, nullable=False),
    **_INNODB,
)
"""The hub processes that use this database. `redis`: the identity of the Redis that each reaches, NULL while it reaches
none; `unwritten`: how many facts wait in its ledger; `seen_at` by the database's own clock."""

account_changes = Table(
    "account_changes",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("user_id", _Id, nullable=False),
    **_INNODB,
)
"""A row for each change of an account, in the transaction of the change: what other processes ask for."""
