"""HTTP: small classes of handlers, one envelope, one table of errors. The URL table is in `hub.app`."""
