"""An id of the installation, the processes that share the database, and what changed about accounts."""

import uuid

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def exact(length: int) -> sa.String:
    """Text that compares by its bytes."""
    variant = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(variant, "mysql", "mariadb")


def upgrade() -> None:
    """Creates three tables, and the installation's id."""
    op.create_table(
        "hub_state",
        sa.Column("name", exact(40), nullable=False),
        sa.Column("value", exact(255), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_hub_state"),
        **TABLE,
    )
    op.create_table(
        "hub_processes",
        sa.Column("name", exact(80), nullable=False),
        sa.Column("redis", exact(120)),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_hub_processes"),
        **TABLE,
    )
    op.create_table(
        "account_changes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_changes"),
        **TABLE,
    )
    # As SQL for a DBA the id is made by the database that it is loaded into, not written into the script.
    hub_id = "UUID()" if context.is_offline_mode() else f"'{uuid.uuid4()}'"
    op.execute(f"INSERT INTO hub_state (name, value) VALUES ('hub_id', {hub_id})")  # noqa: S608 - nothing of anybody else
