"""The hub in operation: slow and dead peers, several processes, restarts, and what Prometheus sees; on real parts."""
