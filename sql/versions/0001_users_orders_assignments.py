"""Users, orders, and who was given which order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4"), "mysql", "mariadb")
TABLE = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def exact(length: int) -> sa.String:
    """Text that compares by its bytes."""
    variant = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(variant, "mysql", "mariadb")


def upgrade() -> None:
    """Creates the three tables."""
    _users()
    _orders()
    _order_assignments()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("username", exact(50), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("expire_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("session_id", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
        **TABLE,
    )
    op.create_index("ix_users_status", "users", ["status"])
    op.create_index("ix_users_expire_at", "users", ["expire_at"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("time_increments", sa.String(16), nullable=False),
        sa.Column("symbol_name", sa.String(20), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("valid_duration", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("created_by", ID),
        sa.Column("idempotency_key", exact(128)),
        sa.Column("targets", LONG_TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("idempotency_key", name="uq_orders_idempotency_key"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_orders_created_by", ondelete="SET NULL"),
        **TABLE,
    )
    op.create_index("ix_orders_status", "orders", ["status"])
    op.create_index("ix_orders_created_at", "orders", ["created_at"])


def _order_assignments() -> None:
    op.create_table(
        "order_assignments",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("assigned_at", TIME, nullable=False),
        sa.Column("executed_at", TIME),
        sa.Column("execution_result", LONG_TEXT),
        sa.Column("device_id", exact(80), nullable=False),
        sa.Column("acked_at", TIME),
        sa.Column("outcome", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_order_assignments"),
        sa.UniqueConstraint("order_id", "user_id", name="uq_order_assignments_order_id_user_id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_assignments_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_order_assignments_user_id", ondelete="CASCADE"),
        **TABLE,
    )
    op.create_index("ix_order_assignments_user_id", "order_assignments", ["user_id"])
    op.create_index("ix_order_assignments_assigned_at", "order_assignments", ["assigned_at"])


def downgrade() -> None:
    """Drops them."""
    for table in ("order_assignments", "orders", "users"):
        op.drop_table(table)
