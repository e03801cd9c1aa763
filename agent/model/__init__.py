"""PURE: an order's life here, limits, the hub's clock, events. No clock is read, no I/O."""
