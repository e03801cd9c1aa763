"""`agent bind`: the session at the exchange gets into the vault, is checked there, and is forgotten.

The invariants: a secret comes from the browser or from standard input and goes to the vault, and nowhere else; what is
printed holds none; a session is kept before the command says so.
"""

import asyncio
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import typer

from agent.cli import handed_in
from agent.cli.options import OUT_OF_REACH, REFUSED, USAGE, fail, settings, vault_of
from agent.cli.own_files import close_files
from agent.config import Settings
from agent.drivers.binance.answers import Kind
from agent.drivers.binance.api import Check, WebApi, WebSession
from agent.drivers.binance.facts import FactsBroken, facts_of
from agent.drivers.binance.history import History, HistoryKey
from agent.drivers.binance.login.client import Login, Outcome
from agent.drivers.binance.login.jobs import job_for
from agent.drivers.binance.login.messages import Job
from agent.drivers.binance.login.terminal import is_installed, show
from agent.drivers.binance.network import Unreachable, proxy_in
from agent.language import _
from agent.model.account import Owner
from agent.model.reasons import Reason
from agent.trading.accounts import Accounts, first_kept
from agent.trading.journal import JournalBroken
from agent.vault import Vault, VaultUnavailable

PROFILE: Final = "browser"


class Account:
    """Whose session it is: its keys in the vault, the newest first, and the folder of its browser."""

    def __init__(self, config: Settings, username: str) -> None:
        owner = Owner(config.server_url, username)
        accounts = Accounts(config.data_dir)
        self.keys = accounts.keys(owner)
        self.profile: Path = accounts.settle_in(owner) / PROFILE


def bind(
    *,
    is_headed: bool,
    is_reset: bool,
    timeout_s: float,
    from_stdin: bool,
    check: bool,
    forget: bool,
    history_key: bool,
    as_json: bool,
    user: str | None,
    server: str | None,
    data_dir: Path | None,
) -> None:
    """One of five things with the session of one user."""
    if sum((from_stdin, check, forget, history_key)) > 1:
        fail(_("Only one of --stdin, --check, --forget and --history-key at a time."), USAGE)
    config = settings(server_url=server, data_dir=data_dir)
    if user is None:
        fail(_("Say who you are: --user NAME."), USAGE)
    close_files(config)
    try:
        account = Account(config, user)
    except JournalBroken as error:
        fail(str(error), REFUSED)
    try:
        if forget:
            _forget(vault_of(config), account)
        elif check:
            _check(config, account, as_json=as_json)
        elif history_key:
            _keep_history_key(config, account)
        elif from_stdin:
            _keep(vault_of(config), account, handed_in.session(_standard_input()))
        else:
            _log_in(config, account, is_headed=is_headed, is_reset=is_reset, timeout_s=timeout_s)
    except handed_in.BadInput as error:
        fail(str(error), USAGE)
    except (VaultUnavailable, FactsBroken, OSError) as error:
        fail(str(error), REFUSED)


def _log_in(config: Settings, account: Account, *, is_headed: bool, is_reset: bool, timeout_s: float) -> None:
    if not is_installed():
        _refuse(Reason("login.playwright_missing"))
    vault = vault_of(config)
    vault.unlock()  # a session with no place for it would be lost, and the one before it ended
    job = job_for(config, account.profile, is_headed=is_headed, is_reset=is_reset, timeout_s=timeout_s)
    outcome = asyncio.run(_run(job))
    if outcome.captured is None:
        _refuse(outcome.reason)
    found = outcome.captured
    _keep(vault, account, WebSession(found.csrftoken, found.p20t, found.expires_ms))


async def _run(job: Job) -> Outcome:
    login = Login(job, lambda event: show(event, job.qr_limit, sys.stdout))
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, login.cancel)
    return await login.run()


def _keep(vault: Vault, account: Account, session: WebSession) -> None:
    vault.put(account.keys[0], "exchange_session", msgspec.json.encode(session).decode())
    bound = _("The exchange session is bound ({place}).").format(place=vault.place)
    typer.echo(f"{bound} {_ends(session)}")


def _ends(session: WebSession) -> str:
    if session.expires_ms is None:
        return _("When it ends is not known: after five days at most.")
    ends = datetime.fromtimestamp(session.expires_ms / 1000).astimezone()
    return _("It ends on {time}.").format(time=f"{ends:%Y-%m-%d %H:%M}")


def _check(config: Settings, account: Account, *, as_json: bool) -> None:
    session = _kept(vault_of(config), account)
    said = Check(False) if session is None else asyncio.run(_ask(config, session))
    state = "unbound" if session is None else {True: "bound", False: "over", None: "unknown"}[said.is_valid]
    if as_json:
        typer.echo(msgspec.json.encode({"state": state, "expires_ms": session and session.expires_ms, "why": said.why}))
    else:
        typer.echo(_words(state, session, said))
    raise typer.Exit({"bound": 0, "unknown": OUT_OF_REACH}.get(state, REFUSED))


def _words(state: str, session: WebSession | None, said: Check) -> str:
    if state == "bound" and session is not None:
        return f"{_('The exchange takes the session.')} {_ends(session)}"
    if state == "over":
        return Reason("exchange.region" if said.kind is Kind.REGION else "session.over").text(_)
    return Reason("session.unbound" if state == "unbound" else "session.unchecked", {"why": said.why}).text(_)


async def _ask(config: Settings, session: WebSession) -> Check:
    api = WebApi(facts_of(config), proxy_in(config))
    try:
        return await api.check(session)
    finally:
        await api.close()


def _kept(vault: Vault, account: Account) -> WebSession | None:
    try:
        return msgspec.json.decode(
            first_kept(vault, account.keys, "exchange_session") or "null", type=WebSession | None
        )
    except msgspec.DecodeError:
        return None


def _forget(vault: Vault, account: Account) -> None:
    """The profile too: a browser may remember more than the vault."""
    for key in account.keys:
        vault.drop(key, "exchange_session")
        vault.drop(key, "history_key")
    shutil.rmtree(account.profile, ignore_errors=True)
    typer.echo(_("The session, the API key and the browser's profile are forgotten."))


def _keep_history_key(config: Settings, account: Account) -> None:
    key = handed_in.history_key(_standard_input())
    vault = vault_of(config)
    try:
        refused = asyncio.run(_refusal(config, key))
    except Unreachable as error:
        fail(_("The exchange is out of reach: {}").format(error), OUT_OF_REACH)
    if refused is not None:
        _refuse(refused)
    vault.put(account.keys[0], "history_key", msgspec.json.encode(key).decode())
    typer.echo(_("The API key is kept ({place}): it may only read.").format(place=vault.place))


async def _refusal(config: Settings, key: HistoryKey) -> Reason | None:
    history = History(facts_of(config), key, proxy_in(config))
    try:
        return await history.refusal()
    finally:
        await history.close()


def _standard_input() -> bytes:
    return sys.stdin.buffer.read(handed_in.LONGEST + 1)


def _refuse(reason: Reason) -> NoReturn:
    fail(reason.text(_), REFUSED)
