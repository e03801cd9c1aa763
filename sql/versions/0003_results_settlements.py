"""Which journal an order went to, how its position ended, what else was said of it; how much a process has to write."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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
    """Adds nullable columns, an index, and a table: older hubs go on beside it."""
    op.add_column("order_assignments", sa.Column("presumed", sa.SmallInteger()))
    op.add_column("order_assignments", sa.Column("journal", exact(64)))
    op.add_column("order_assignments", sa.Column("settlement", sa.String(24)))
    op.add_column("order_assignments", sa.Column("settled_at", TIME))
    op.create_index("ix_order_assignments_outcome", "order_assignments", ["outcome"])
    op.add_column("hub_processes", sa.Column("unwritten", sa.Integer()))
    op.create_table(
        "contradictions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("device_id", exact(80), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("executed_at", TIME, nullable=False),
        sa.Column("execution_result", LONG_TEXT, nullable=False),
        sa.Column("reported_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contradictions"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_contradictions_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_contradictions_user_id", ondelete="CASCADE"),
        sa.UniqueConstraint("order_id", "user_id", "device_id", name="uq_contradictions_order_id_user_id_device_id"),
        **TABLE,
    )
    op.create_index("ix_contradictions_user_id", "contradictions", ["user_id"])
    op.create_table(
        "journals",
        sa.Column("journal", exact(64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("start", exact(64), nullable=False),
        sa.Column("is_copy", sa.SmallInteger(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("journal", name="pk_journals"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_journals_user_id", ondelete="CASCADE"),
        **TABLE,
    )
    op.create_index("ix_journals_user_id", "journals", ["user_id"])
