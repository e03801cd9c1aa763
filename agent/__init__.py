"""The trader's side: stays connected, places each order at most once and never late, reports what came of it.

Import direction: pure (engine, clock, limits, session_timer, events, owner) -> adapters (journal, api, link,
drivers, vault, device, hub_time) -> executor, outbox -> agent -> app -> headless -> cli -> __main__.
Nothing here imports the hub.
"""

from importlib.metadata import version

__version__ = version("bn-auto")
