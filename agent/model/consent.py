"""PURE: what a trader must be told before live trading, and whether what was accepted still holds.

The invariant: consent is to one text and one exchange; a newer text, or another exchange, wants it anew.
"""

from typing import Final

import msgspec

from agent.model.reasons import N_, Reason
from agent.model.rules import Rules

VERSION: Final = 2
"""Raised with every change of the text."""

WORDS: Final = "TRADE LIVE"

NEEDED: Final = ("loss_per_day", "orders_per_day")
"""The limits without which nobody trades live."""

TEXT: Final = (
    N_("The exchange has no official interface for these orders: this one can break at any time, without notice."),
    N_("Binance has banned accounts for unauthorised third-party tools, and its terms may forbid automation:"),
    N_("the account may be lost, with what is in it."),
    N_(
        "It was tried on a stand-in only, never at the exchange itself: begin with the smallest stake, and compare with"
    ),
    N_("the exchange after each order, until you know that both say the same."),
    N_("The session (p20t) is the whole account's, not a key for trading only. It stays on this computer, encrypted,"),
    N_("and never reaches the hub, a log or a screenshot."),
    N_("A stake can be lost whole. What is available depends on the region. Use it for your own account only."),
)


class Consent(msgspec.Struct, frozen=True):
    """Which text was accepted, for which exchange, and when (wall clock)."""

    version: int
    exchange: str
    at_ms: int


def missing(rules: Rules) -> list[str]:
    """Those of the limits that nobody trades live without, and that are not set."""
    return [key for key in NEEDED if getattr(rules, key) is None]


def refusal(consent: Consent | None, exchange: str) -> Reason | None:
    """Why live trading is off; None where it is on."""
    if consent is None:
        return Reason("live.no_consent")
    if consent.version < VERSION:
        return Reason("live.newer_text")
    if consent.exchange != exchange:
        return Reason("live.other_exchange", {"accepted": consent.exchange, "now": exchange})
    return None
