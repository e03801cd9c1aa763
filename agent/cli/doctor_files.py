"""Whether anybody but the trader can read what the agent keeps on this computer. Looking changes nothing."""

import os
from pathlib import Path
from typing import Final

from agent.cli.doctor import Finding
from agent.cli.own_files import own_files
from agent.config import Settings
from agent.language import _
from protocol.privacy import open_to_others

SETTINGS: Final = (Path(".env"), Path("agent.yaml"))
"""Beside which the agent is started; they may hold a proxy's password."""


def files_finding(config: Settings) -> Finding:
    """One line for the data directory, all that is the agent's in it, and the passphrase of the vault."""
    check = _("files")
    if os.name == "nt":
        return Finding(check, "ok", _("Windows has no modes to look at; its own rights apply"))
    passphrase = [config.vault_passphrase_file] if config.vault_passphrase_file else []
    found = ", ".join(map(str, open_to_others([*own_files(config.data_dir), *passphrase, *SETTINGS])))
    if not found:
        return Finding(check, "ok", _("{path} is its owner's alone").format(path=config.data_dir))
    detail = _("others can read {paths}").format(paths=found)
    return Finding(check, "warning", detail, _("the agent closes its own at the next start; or: chmod go= FILE"))
