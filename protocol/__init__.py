"""What the hub and the agents agree on. Imports nothing of ours; see README.md beside this file."""
