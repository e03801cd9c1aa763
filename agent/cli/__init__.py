"""The command line, and the agent without a window."""
