"""The trader's window: it shows what the agent says, and hands on what the person wants."""
