"""The agent's tests. The hub here is a small real server on loopback; the true hub's tests run real agents, too."""
