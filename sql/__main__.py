"""`python -m sql > sql/mysql.sql`: the migrations as SQL for MySQL and MariaDB."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

HEADER = """-- The schema for MySQL 8 and MariaDB 10.6+, for DBAs who do not run `hub migrate`.
-- Generated from the migrations in this folder (`python -m sql`); do not edit.
-- Load it into an empty database: mariadb DATABASE < mysql.sql

"""


def main() -> None:
    """Prints the script."""
    config = Config(stdout=sys.stderr, output_buffer=sys.stdout)
    config.set_main_option("script_location", str(Path(__file__).parent))
    sys.stdout.write(HEADER)
    command.upgrade(config, "head", sql=True)


if __name__ == "__main__":
    main()
