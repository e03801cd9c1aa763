"""Redis: what the hub processes share beside the database. Out of reach is `Unavailable`."""
