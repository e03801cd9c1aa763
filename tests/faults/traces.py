"""The traces in a hub's log, by their causes."""

import json

from tests.services.hub_process import HubProcess


class Traces:
    """What the hub logs from here on. Its log is JSON, a line an event."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._known = len(hub.log())

    def new(self) -> list[str]:
        """The last line of each trace: its cause. What is no JSON and has a trace counts by its text."""
        lines = self._hub.log()[self._known :].splitlines()
        return [cause for cause in map(_cause, lines) if cause]


def _cause(line: str) -> str | None:
    try:
        event = json.loads(line)
    except ValueError:
        return line if line.startswith("Traceback") else None
    trace = event.get("exception") if isinstance(event, dict) else None
    return f"{event.get('event')}: {trace.strip().splitlines()[-1]}" if trace else None
