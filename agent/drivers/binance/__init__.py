"""Binance event contracts from the web: the login, and the exchange's own facts."""
