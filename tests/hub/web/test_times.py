"""Times as people write them: read in the hub's zone or with an offset, shown as they were read."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Refusal
from hub.web.times import Times

SHANGHAI, UTC_ZONE, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC"), ZoneInfo("America/New_York")
ZONES = st.sampled_from([SHANGHAI, UTC_ZONE, ZoneInfo("Asia/Kathmandu")])


@given(ZONES, st.datetimes(datetime(1971, 1, 2), datetime(9989, 12, 30)))
def test_what_is_shown_reads_as_the_same_second(zone: ZoneInfo, at: datetime) -> None:
    at_ms = (at.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    shown = Times(zone).show(at_ms)
    if shown is not None and Times(zone).show(Times(zone).read("at", shown)) == shown:
        # An hour that a zone has twice reads as its first one.
        assert abs((Times(zone).read("at", shown) or 0) - at_ms) in (0, 3_600_000)
    else:
        raise AssertionError(shown)


CASES = {
    "1971-02-01 00:00:00": 34_214_400_000,
    "2026-11-22 12:34:56": 1_795_350_896_000,
    "2026-11-22T12:34:56+00:00": 1_795_350_896_000,
    "2026-11-22T12:34:56Z": 1_795_350_896_000,
    "2026-11-22T20:34:56+08:00": 1_795_350_896_000,
    "2026-11-22T12:34:56.789+00:00": 1_795_350_896_789,
}


@pytest.mark.parametrize("text", CASES)
def test_both_forms(text: str) -> None:
    assert Times(UTC_ZONE).read("at", text) == CASES[text]


def test_the_zone_counts_only_without_an_offset() -> None:
    assert Times(SHANGHAI).read("at", "2026-11-22 20:34:56") == 1_795_350_896_000
    assert Times(SHANGHAI).read("at", "2026-11-22T12:34:56Z") == 1_795_350_896_000
    assert Times(SHANGHAI).show(1_795_350_896_999) == "2026-11-22 20:34:56"


def test_nothing_stays_nothing() -> None:
    assert Times(UTC_ZONE).read("at", None) is None
    assert Times(UTC_ZONE).show(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "2026-11-22",
        "2026-11-22T12:34:56",
        "22.11.2026 12:34:56",
        "2026-02-30 00:00:00",
        "2026-11-22 24:00:01",
        "1790000000",
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00",
        "1969-12-31 23:59:59",
        "9999-12-31 23:59:59",
        "9999-12-31T23:59:59.999999+00:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "\u0000",
        "🚀",
        "2026-11-22 12:34:56\n",
    ],
)
@pytest.mark.parametrize("zone", [UTC_ZONE, SHANGHAI, NEW_YORK])
def test_what_is_no_time_is_refused_by_the_fields_name(text: str, zone: ZoneInfo) -> None:
    with pytest.raises(Refusal) as refused:
        Times(zone).read("expire_at", text)
    assert refused.value.status == 422
    assert refused.value.message.startswith("expire_at: takes")


@given(ZONES, st.text(max_size=30))
def test_any_text_is_a_time_or_a_refusal(zone: ZoneInfo, text: str) -> None:
    times = Times(zone)
    try:
        at_ms = times.read("at", text)
    except Refusal as refusal:
        assert refusal.status == 422  # noqa: PT017 - either of the two is right
    else:
        assert times.show(at_ms)
