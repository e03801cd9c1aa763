"""Real private processes for tests and the demo: MariaDB, Redis, hubs and agents, all on loopback and free ports.

`process.py` is what they share; `fixtures.py` hands them to pytest. Invariant: whatever is started here is stopped
here, and nothing uses a well-known port or a directory that was there before.
"""
