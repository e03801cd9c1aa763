"""The tests: they mirror the packages, and use real small implementations (see services/)."""
