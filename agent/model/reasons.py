"""PURE: why something did not happen, as a code and its facts. The sentence is made where a person reads it.

The invariant: every code that the agent uses has a template here; an unknown one (of a newer journal) still shows its
code and its facts, and never raises.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

LONGEST_TEXT: Final = 2_000


def N_(text: str) -> str:  # noqa: N802 gettext's name for "to be translated, but not yet"
    """Marks a template for the catalogues."""
    return text


TEMPLATES: Final[dict[str, str]] = {
    # the order, its window and its admin
    "window.over": N_("the window was over before it could be submitted"),
    "unanswered": N_("nobody answered before the window was over"),
    "cancelled": N_("cancelled by the admin: {reason}"),
    "halted": N_("halted: {reason}"),
    "order.another": N_(
        "the journal on this computer has another order under this id: is the hub's database a new one?"
    ),
    "person.refused": N_("you decided against it"),
    "person.looked": N_("the trader looked at the exchange and said so"),
    "terms.changed": N_("the stake or the ratio changed while the question was open"),
    "told.hub": N_("the hub has this outcome of it already"),
    "hub.behind": N_(
        "the hub's newest order is {theirs}, this computer has had {ours}: its database is an older copy or another "
        "one, and nothing is placed"
    ),
    # the exchange
    "driver.timeout": N_("the exchange did not answer within {seconds} s"),
    "driver.failed": N_("the driver failed: {kind}"),
    "driver.interrupted": N_("interrupted while it was submitted, and the exchange can't tell what became of it"),
    "driver.asking_failed": N_("interrupted while it was submitted, and asking failed: {kind}"),
    "driver.gone": N_("it was given to {driver} ({mode}), which this agent does not have"),
    "paper.refused": N_("the paper exchange refused it"),
    "paper.silent": N_("the paper exchange did not answer"),
    "paper.no_price": N_("the index price of {symbol} is not known, so there is nothing to trade on"),
    "paper.never_came": N_("the paper exchange never got it"),
    # the exchange's web interface
    "exchange.refused": N_("the exchange refused it: {words} (code {code})"),
    "exchange.ratio": N_(
        "the exchange no longer takes the payout ratio {ours}, its own is {theirs}: set it right, or the next fails too"
    ),
    "exchange.ratio_unnamed": N_(
        "the exchange no longer takes the payout ratio {ours}, and names no other: set it right, or the next fails too"
    ),
    "exchange.ratio_decimals": N_("the payout ratio {ratio} has more than two decimals"),
    "exchange.region": N_("the exchange does not serve the region that this computer is in"),
    "exchange.unreachable": N_("the exchange could not be reached, nothing was sent: {why}"),
    "exchange.no_answer": N_("it was sent, and no answer came: {why}; look at the exchange whether it stands"),
    "exchange.cut": N_("the answer broke off or was too long ({bytes} bytes): look at the exchange whether it stands"),
    "exchange.redirect": N_("the exchange sent us elsewhere ({status}), which is not followed: look whether it stands"),
    "exchange.unknown_code": N_("the exchange said what nobody knows: {words} (code {code}); look whether it stands"),
    "exchange.unknown_answer": N_("the exchange answered {status} in no known form: look whether it stands"),
    "session.unbound": N_("no session at the exchange: run agent bind"),
    "session.over": N_("the session at the exchange has ended: run agent bind"),
    "session.unchecked": N_("the session could not be checked: {why}"),
    "session.vault": N_("the session could not be read: {why}"),
    "session.ends_soon": N_("the session at the exchange ends in {minutes} minutes: run agent bind"),
    "history.unknown_key": N_("the exchange does not take this API key (status {status})"),
    "history.may_trade": N_("this API key may do more than read: {rights}; make one that may only read"),
    "history.may_not_read": N_("this API key may not even read"),
    # the hub
    "hub.said": "{said}",
    "hub.answered": N_("the hub answered {status}"),
    # the login at the exchange
    "login.bound": N_("the exchange session is bound"),
    "login.bound_without_expiry": N_(
        "the exchange session is bound; when it ends is not known, after five days at most"
    ),
    "login.timed_out": N_("nobody logged in before the time was over"),
    "login.cancelled": N_("the login was cancelled"),
    "login.qr_expired": N_("too many QR codes have expired: start again with the phone at hand"),
    "login.captcha": N_(
        "the page asks something that only a person may answer, and there is no display to show it on:"
        " run agent bind where there is one, or use agent bind --stdin"
    ),
    "login.window_closed": N_("the window was closed before the login was finished"),
    "login.browser_crashed": N_("the browser crashed"),
    "login.browser_missing": N_("there is no Chrome or Chromium here: install one, or use agent bind --stdin"),
    "login.browser_failed": N_("the browser failed: {detail}"),
    "login.playwright_missing": N_(
        "what drives the browser is not installed: pip install 'bn-auto[desk]', or use agent bind --stdin"
    ),
    "login.no_display": N_("there is no display to show a window on"),
    "login.unreachable": N_("the login page is out of reach: {detail}"),
    "login.proxy_unsupported": N_("a browser takes no SOCKS proxy with a password: use an http proxy"),
    "login.busy": N_("another login of this user is under way"),
    "login.unsupported": N_("the browser login is not made for this system yet: use agent bind --stdin"),
    "login.helper_died": N_("the browser's helper process died"),
    # limits
    "limit.stake_not_positive": N_("stake {stake} is not a positive amount"),
    "limit.step": N_("stake {stake} is not a multiple of {step}"),
    "limit.min_stake": N_("stake {stake} is under the minimum of {min}"),
    "limit.max_stake": N_("stake {stake} is over the maximum of {max}"),
    "limit.symbols": N_("symbol {symbol} is not allowed here, only {symbols}"),
    "limit.increments": N_("increments: {increment} is not allowed here, only {increments}"),
    "limit.directions": N_("directions: {direction} is not allowed here, only {directions}"),
    "limit.min_payout": N_("min_payout: the ratio {ratio} is under {min}"),
    "limit.weekdays": N_("weekdays: no trading on {day}, only on {days}"),
    "limit.quiet_hours": N_("quiet_hours: no trading within {hours}"),
    "limit.gap_s": N_("gap_s: the last order was {seconds} s ago, at least {min} s must lie between"),
    "limit.losses_in_a_row": N_("losses_in_a_row: {used} lost and {open} still open, at most {max}"),
    "limit.losses_in_a_row_pause": N_("losses_in_a_row: {used} lost, a pause until {until}"),
    "limit.open_positions": N_("open_positions: {used} are open, at most {max}"),
    "limit.orders_per_hour": N_("orders_per_hour: {used} in the last hour, at most {max}"),
    "limit.orders_per_day": N_("orders_per_day: {used} today, at most {max}"),
    "limit.stake_per_day": N_("stake_per_day: {used} today and {stake} more, at most {max}"),
    "limit.loss_per_day": N_("loss_per_day: {used} lost today, {at_risk} at risk and {stake} more, at most {max}"),
    "limit.fall_from_peak": N_(
        "fall_from_peak: {used} under today's highest profit, {at_risk} at risk and {stake} more, at most {max}"
    ),
    "limit.profit_per_day": N_("profit_per_day: {used} earned today, enough is {max}"),
    "limit.max_move": N_("max_move: the index moved by {moved} per cent since it was published, at most {max}"),
    "limit.max_move_no_price": N_("max_move: the index price of {symbol} is not known, so nothing is placed"),
    "limit.no_stake": N_("stake: no stake is set for {symbol} {increment}"),
    "limit.locked": N_("{key}: the limit {hit} was hit today, so this is not loosened before tomorrow"),
    "paused": N_("paused by you: {reason}"),
    "live.no_consent": N_("live trading is off: read and accept with agent live on"),
    "live.newer_text": N_("live trading is off: there is more to be told now, read and accept with agent live on"),
    "live.other_exchange": N_("live trading is off: it was accepted for {accepted}, not for {now}; agent live on"),
    "limits.unreadable": N_("the limits cannot be read, so nothing is placed: {why}"),
}


class _Facts(dict[str, str]):
    """Facts for a template: one that is missing shows its name."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


class Reason(msgspec.Struct, frozen=True):
    """Why: a dotted code for programs, with its facts."""

    code: str
    facts: Mapping[str, str] = msgspec.field(default_factory=dict)

    def text(self, translate: Callable[[str], str] = lambda text: text) -> str:
        """The sentence, in the language that `translate` knows."""
        template = TEMPLATES.get(self.code)
        if template is None:
            shown = ", ".join(f"{name}={value}" for name, value in self.facts.items())
            return f"{self.code}: {shown}"[:LONGEST_TEXT] if shown else self.code
        return translate(template).format_map(_Facts(self.facts))[:LONGEST_TEXT]
