"""`agent doctor`: a line for each thing that an agent needs, with what to do where it is missing.

The invariant: it changes nothing but the making of the data directory.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec

from agent.app import BUILT
from agent.config import Settings
from agent.device import installation_id
from agent.language import _
from agent.link.api import HubApi, Unavailable
from agent.model import limits
from agent.trading.accounts import Accounts
from agent.trading.journal import FILE_NAME, Journal, JournalBroken
from agent.ui.outages import outage
from agent.vault import VaultUnavailable, open_vault, passphrase_from

TOLERATED_OFFSET_S: Final = 2.0


class Finding(msgspec.Struct, frozen=True):
    """`what_to_do` is empty where nothing is. A `warning` does not keep the agent from working."""

    check: str
    verdict: Literal["ok", "warning", "wrong"]
    found: str
    what_to_do: str = ""


def examine(config: Settings) -> list[Finding]:
    """All the checks, in the order in which they should be mended."""
    return [
        _settings(config),
        _data_dir(config),
        *_journals(config),
        *asyncio.run(_hub(config)),
        _vault(config),
    ]


def _settings(config: Settings) -> Finding:
    check = _("settings")
    refused = limits.check_stake(config.limits(), config.order_amount)
    if refused is not None:
        return Finding(check, "wrong", refused.reason.text(_), _("change AGENT_ORDER_AMOUNT or its bounds"))
    if config.driver not in BUILT:
        return Finding(check, "wrong", _("the driver {} is not built yet").format(config.driver), "AGENT_DRIVER=paper")
    symbols = ", ".join(sorted(config.allowed_symbols))
    return Finding(check, "ok", f"{config.driver}, {config.order_amount} USDT, {symbols}")


def _data_dir(config: Settings) -> Finding:
    check = _("data directory")
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=config.data_dir):
            installation_id(config.data_dir)
    except (OSError, ValueError) as error:
        return Finding(check, "wrong", str(error), _("make it writable, or set AGENT_DATA_DIR"))
    return Finding(check, "ok", str(config.data_dir))


def _journals(config: Settings) -> list[Finding]:
    check = _("journal")
    folders = Accounts(config.data_dir).journals()
    if not folders:
        return [Finding(check, "ok", _("none yet"))]
    findings = []
    for folder in folders:
        try:
            journal = Journal(folder, mode="read")
            said, owner, count = journal.integrity(), journal.owner, len(journal.entries())
            journal.close()
        except (JournalBroken, msgspec.MsgspecError) as error:
            said, found = str(error), str(folder / FILE_NAME)
        else:
            found = _("{user} at {server}: {count} orders").format(
                user=owner.username, server=owner.server, count=count
            )
        if said == "ok":
            findings.append(Finding(check, "ok", found))
        else:
            advice = _("stop the agent, keep a copy of the folder, and ask the admin which results are missing")
            findings.append(Finding(check, "wrong", f"{found}: {said}", advice))
    return findings


async def _hub(config: Settings) -> list[Finding]:
    check = _("hub")
    asked = datetime.now(UTC)
    try:
        health = await HubApi(config.server_url).health()
    except Unavailable as error:
        return [
            Finding(
                check,
                "wrong",
                f"{config.server_url}: {outage(str(error))}",
                _("check AGENT_SERVER_URL and the network"),
            )
        ]
    if health.status != 200:
        found = _("{server} answers {status}").format(server=config.server_url, status=health.status)
        return [Finding(check, "wrong", found, _("is this the hub's address?"))]
    return [Finding(check, "ok", config.server_url), _clock(asked, datetime.now(UTC), health.date)]


def _clock(asked: datetime, answered: datetime, date: str | None) -> Finding:
    """HTTP tells whole seconds, so half a second and the way are in doubt; the agent itself measures in ms."""
    check = _("clock")
    if date is None:
        return Finding(check, "warning", _("the hub does not tell its time"))
    hub = parsedate_to_datetime(date).timestamp() + 0.5
    offset = hub - (asked.timestamp() + answered.timestamp()) / 2
    doubt = 0.5 + (answered - asked).total_seconds() / 2
    found = _("the hub is {offset:+.1f} s ahead, give or take {doubt:.1f} s").format(offset=offset, doubt=doubt)
    if abs(offset) - doubt > TOLERATED_OFFSET_S:
        return Finding(check, "warning", found, _("let the system set its clock; the agent itself uses the hub's"))
    return Finding(check, "ok", found)


def _vault(config: Settings) -> Finding:
    check = _("keyring")
    try:
        if config.vault_passphrase_file is not None:
            passphrase_from(config.vault_passphrase_file)(False)
        return Finding(check, "ok", open_vault(config.data_dir, config.vault_passphrase_file).place)
    except VaultUnavailable as error:
        return Finding(check, "warning", str(error), _("give the password by --password-stdin or at the prompt"))
