"""The way to the hub: HTTP, the WebSocket that comes back, the hub's time."""
