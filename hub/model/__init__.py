"""PURE: what orders, deliveries, accounts and tokens are, and their tables of moves. No clock, no I/O."""
