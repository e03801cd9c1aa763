"""The trader's day, over the nights in which the clocks are changed."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import trading_day

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Atlantic/Azores")
HOUR = 3_600_000


def at(text: str, zone: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-07-01", "Europe/Berlin", 24),
        ("2018-11-04", "America/Sao_Paulo", 23),
        ("2026-10-25", "Atlantic/Azores", 25),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(day: str, zone: str, hours: int) -> None:
    noon = at(f"{day}T12:00", zone)
    length = trading_day.next_start_ms(noon, ZoneInfo(zone)) - trading_day.start_ms(noon, ZoneInfo(zone))
    assert length == hours * HOUR


@given(ms=st.integers(1_262_304_000_000, 1_893_456_000_000), zone=st.sampled_from(ZONES))
def test_every_moment_lies_within_its_day(ms: int, zone: str) -> None:
    begin, end = trading_day.start_ms(ms, ZoneInfo(zone)), trading_day.next_start_ms(ms, ZoneInfo(zone))
    assert begin <= ms < end
    assert trading_day.start_ms(end, ZoneInfo(zone)) == end
    assert trading_day.local(begin, ZoneInfo(zone)).date() == trading_day.local(ms, ZoneInfo(zone)).date()


def test_without_a_zone_it_is_the_computers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        noon = at("2026-11-25T12:00", "Asia/Shanghai")
        assert trading_day.start_ms(noon, None) == at("2026-11-25T00:00", "Asia/Shanghai")
        assert trading_day.minute_of_day(noon, None) == 12 * 60
    finally:
        monkeypatch.undo()
        time.tzset()
