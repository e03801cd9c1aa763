"""What the helper is asked for, what it tells line by line, and the names of how a login ends.

The invariant: no event can hold a secret: `Captured` is not one of them, and has a pipe of its own.
"""

from enum import StrEnum
from typing import Final

import msgspec

from agent.drivers.binance.network import Proxy


class Result(StrEnum):
    """How a login ended."""

    BOUND = "bound"
    BOUND_WITHOUT_EXPIRY = "bound_without_expiry"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    QR_EXPIRED = "qr_expired"
    CAPTCHA = "captcha"
    WINDOW_CLOSED = "window_closed"
    BROWSER_CRASHED = "browser_crashed"
    BROWSER_MISSING = "browser_missing"
    BROWSER_FAILED = "browser_failed"
    PLAYWRIGHT_MISSING = "playwright_missing"
    NO_DISPLAY = "no_display"
    UNREACHABLE = "unreachable"
    PROXY_UNSUPPORTED = "proxy_unsupported"
    BUSY = "busy"
    UNSUPPORTED = "unsupported"
    HELPER_DIED = "helper_died"


class Page(msgspec.Struct, frozen=True):
    """The exchange's pages as the browser sees them. Selectors are Playwright's."""

    login_url: str
    www_url: str
    """Scheme, host and port of the site whose requests carry the session."""
    home_url: str
    """A page of that site that makes such requests, opened when the login itself makes none."""
    qr_path: str
    """In the URL of the answer that has the QR's text."""
    qr_field: tuple[str, ...] = ("data", "qrCode")
    cookie: str = "p20t"
    header: str = "csrftoken"
    qr_open: tuple[str, ...] = ()
    """Clicked once where the page shows no QR by itself."""
    qr_refresh: tuple[str, ...] = ()
    """Visible when the QR has expired, and clicked for a new one."""
    person_needed: tuple[str, ...] = ()
    """Captchas and confirmations: never clicked, shown to the person."""


class Job(msgspec.Struct, frozen=True):
    """One login. Durations in seconds."""

    page: Page
    profile: str
    """The folder of the browser's profile, one a user."""
    is_headed: bool = False
    timeout_s: float = 300.0
    patience_s: float = 5.0
    """How long the page may take for its next step by itself."""
    qr_limit: int = 4
    """Ends when so many QR codes have expired; in a window only the time-out counts."""
    proxy: Proxy | None = None
    browser: str | None = None
    """The browser's program; searched for where it is None."""
    stays_signed_in: bool = False
    """Whether the profile keeps the session: the vault is the place for it."""
    is_reset: bool = False
    """Whether the profile is deleted first."""


class Started(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """The browser runs."""

    is_headed: bool


class QrShown(msgspec.Struct, frozen=True, tag_field="event", tag="qr"):
    """A new QR to scan, where no window shows it: its text, and which one it is, from 1 on."""

    text: str
    number: int


class PersonNeeded(msgspec.Struct, frozen=True, tag_field="event", tag="person_needed"):
    """The page asks something that only the person may answer; a window shows it."""


class Ended(msgspec.Struct, frozen=True, tag_field="event", tag="ended"):
    """The last event. `detail` says more for people, and holds nothing that came from a page."""

    result: Result
    detail: str = ""


LoginEvent = Started | QrShown | PersonNeeded | Ended


class Captured(msgspec.Struct, frozen=True):
    """The session. `expires_ms` in epoch milliseconds; None where the cookie does not say, which is not never."""

    csrftoken: str
    p20t: str
    expires_ms: int | None = None

    def __repr__(self) -> str:
        return "Captured(…)"


job_of: Final = msgspec.json.Decoder(Job)
event_of: Final = msgspec.json.Decoder(LoginEvent)
captured_of: Final = msgspec.json.Decoder(Captured)
