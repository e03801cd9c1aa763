"""A login's job, made of the exchange's facts and the settings.

The invariant: whatever is believed about the exchange's pages comes from the facts, which a file can replace.
"""

from pathlib import Path

from agent.config import Settings
from agent.drivers.binance.facts import Facts, facts_of
from agent.drivers.binance.login.messages import Job, Page
from agent.drivers.binance.network import proxy_in


def job_for(config: Settings, profile: Path, *, is_headed: bool, is_reset: bool, timeout_s: float) -> Job:
    """A login with a profile of that folder. Raises FactsBroken."""
    return Job(
        page=page_of(facts_of(config)),
        profile=str(profile),
        is_headed=is_headed,
        is_reset=is_reset,
        timeout_s=timeout_s,
        proxy=proxy_in(config),
    )


def page_of(facts: Facts) -> Page:
    """The pages as the browser needs them."""
    urls, login = facts.urls, facts.login
    return Page(
        login_url=urls.accounts + login.page,
        www_url=urls.web,
        home_url=urls.web + login.home,
        qr_path=login.qr_path,
        qr_field=login.qr_field,
        cookie=facts.headers.cookie,
        header=facts.headers.csrf,
        qr_open=login.qr_open,
        qr_refresh=login.qr_refresh,
        person_needed=login.person_needed,
    )
