"""What of this computer weakens the agent: the way to the hub, how much it may open, the browser for a login.

The invariant: it only looks, and each warning says what mends it.
"""

import os
import shutil

from agent.app import sends_readable
from agent.cli.doctor import Finding
from agent.config import Settings
from agent.language import _

FEWEST_DESCRIPTORS = 256
"""Journal, controls, hub, exchange, prices and a browser's pipes take some thirty."""


def machine_findings(config: Settings) -> list[Finding]:
    """One line each; the browser's only where orders go to the exchange."""
    return [_way(config), _descriptors(), *([_browser()] if config.driver != "paper" else [])]


def _way(config: Settings) -> Finding:
    check = _("way to the hub")
    if sends_readable(config):
        found = _("plain http: passwords and orders can be read on the way")
        https = config.server_url.replace("http://", "https://", 1)
        return Finding(check, "warning", found, f"AGENT_SERVER_URL={https}")
    return Finding(check, "ok", config.server_url.partition("://")[0])


def _descriptors() -> Finding:
    check = _("open files")
    if os.name == "nt":
        return Finding(check, "ok", "-")
    import resource

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FEWEST_DESCRIPTORS:
        return Finding(check, "warning", str(soft), f"ulimit -n {FEWEST_DESCRIPTORS * 4}")
    return Finding(check, "ok", str(soft) if soft >= 0 else "∞")


def _browser() -> Finding:
    from agent.drivers.binance.login import chromium

    check, found = _("browser"), chromium.find()
    if found is None:
        install = "apt-get install chromium" if shutil.which("apt-get") else "https://www.google.com/chrome/"
        return Finding(check, "warning", _("there is no Chrome or Chromium here"), f"{install} · agent bind --stdin")
    return Finding(check, "ok", str(found))
