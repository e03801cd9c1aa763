"""The agents that are connected to this process, and the way to them."""
