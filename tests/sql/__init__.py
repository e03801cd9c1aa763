"""The schema: one definition, the migrations, and the script for DBAs say the same."""
