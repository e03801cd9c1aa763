"""The issue's story, told end to end: real hubs, real stores, real agents, and what must be true whatever happens."""
