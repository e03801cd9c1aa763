"""The hub: takes orders from admins, hands each to every connected trader's agent once, keeps the record."""

from importlib.metadata import version

__version__ = version("bn-auto")
