"""The exchange as a stand-in: a real server on loopback that answers as Binance's web pages do, and writes it down."""
