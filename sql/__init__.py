"""Alembic's home: the migrations, and `mysql.sql`, which is generated from them for DBAs."""
