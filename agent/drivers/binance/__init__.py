"""Binance event contracts from the web: the login, the driver, and the exchange's own facts.

`get_token` keeps the name and the two arguments that people script against.
"""


def get_token(reset: bool = False, headless: bool = True) -> dict[str, str | int]:
    """Log in with a browser; returns `csrftoken`, `p20t` and `expirationTimestamp`. Blocking. Raises LoginFailed."""
    from agent.drivers.binance.login import door  # a script's import of a driver starts no browser's client

    return door.get_token(reset, headless)
