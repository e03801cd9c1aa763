"""Any bytes from either side are a message or the peer's fault, and leave nothing behind."""

from .any_bytes import run


def test_ten_thousand_messages_of_any_bytes_are_borne_by_both_sides() -> None:
    heard = run(10_000)
    assert heard["messages"] >= 10_000
    for side in ("hub", "agent"):
        kinds = {what for what, count in heard.items() if count and what.startswith(side)}
        assert {f"{side} refused", f"{side} unknown"} < kinds, "both refusals, and messages that were taken"
