"""HTTP and the WebSocket: small classes of handlers, one envelope. The URL table is in `hub.app`."""
