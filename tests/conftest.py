"""What every test may ask for: the real services of `tests/services`, stopped also when the run is ended early."""

pytest_plugins = ["tests.services.fixtures"]
