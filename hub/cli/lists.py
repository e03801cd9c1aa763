"""The lists as tables, one function a kind of row. Pure: views in, a table out.

The invariants: a time names its zone, in its heading or beside it; in 80 columns every row can be read, so that what
is long is cut there (`device` to its first signs) or left out, and whole where there is room or no terminal.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.table import Table

from hub.cli.arguments import SHORT_INCREMENTS
from hub.cli.screen import table
from hub.language import _
from hub.model.answers import AccountAnswer, AgentAnswer, AssignmentAnswer, OrderAnswer
from hub.model.funnel import Outcomes

ROOMY: Final = 110
"""Columns from which on nothing is cut."""
SHORT_DEVICE: Final = 8
INCREMENTS: Final = {increment: short for short, increment in SHORT_INCREMENTS.items()}

Time = tuple[str | None, int | None]
"""As text in the hub's zone, and in epoch milliseconds."""


def users(rows: Sequence[AccountAnswer], width: int, now_ms: int) -> Table:
    zone = zone_of((user.created_at, user.created_ms) for user in rows)
    is_roomy = width >= ROOMY
    headings = [_("id"), _("name"), _("role"), _("status"), in_zone(_("expires"), zone)]
    headings += [in_zone(_("created"), zone)] if is_roomy else []
    return table(
        [*headings, _("connected")],
        (
            (
                user.id,
                user.username,
                role_word(user.role),
                user_status(user, now_ms),
                time_text((user.expire_at, user.expire_ms), zone) or _("never"),
                *((time_text((user.created_at, user.created_ms), zone),) if is_roomy else ()),
                _("yes") if user.connected else _("no"),
            )
            for user in rows
        ),
    )


def account(user: AccountAnswer, now_ms: int) -> list[tuple[str, str]]:
    """One user, a fact a line."""
    return [
        (_("name"), user.username),
        (_("id"), str(user.id)),
        (_("role"), role_word(user.role)),
        (_("status"), user_status(user, now_ms)),
        (_("expires"), whole_time((user.expire_at, user.expire_ms)) or _("never")),
        (_("created"), whole_time((user.created_at, user.created_ms)) or ""),
        (_("connected"), _("yes") if user.connected else _("no")),
    ]


def orders(rows: Sequence[OrderAnswer], width: int) -> Table:
    zone = zone_of((order.created_at, order.created_ms) for order in rows)
    headings = (_("id"), _("order"), _("status"), in_zone(_("created"), zone), _("for"), _("outcomes"))
    return table(
        headings,
        (
            (
                order.id,
                f"{order.symbol_name} {order.direction} {short_increment(order)} {order.valid_duration}s",
                order_status(order),
                time_text((order.created_at, order.created_ms), zone, is_short=width < ROOMY),
                meant(order.targets),
                counts(order.outcomes),
            )
            for order in rows
        ),
    )


def meant(targets: list[int] | None) -> str:
    if targets is None:
        return _("everybody")
    return _("one user") if len(targets) == 1 else _("{count} users").format(count=len(targets))


def short_increment(order: OrderAnswer) -> str:
    return INCREMENTS.get(order.time_increments, order.time_increments)


def agents(rows: Sequence[AgentAnswer], width: int) -> Table:
    zone = zone_of((agent.since, agent.since_ms) for agent in rows)
    is_roomy = width >= ROOMY
    headings = [_("user"), _("device"), _("version"), _("driver"), in_zone(_("since"), zone), _("latency")]
    return table(
        [*headings, *((_("address"), _("process")) if is_roomy else ())],
        (
            (
                agent.username,
                device(agent.device_id, width),
                agent.version,
                agent.driver,
                time_text((agent.since, agent.since_ms), zone, is_short=not is_roomy),
                None if agent.latency_ms is None else f"{agent.latency_ms:.0f} ms",
                *((agent.address, agent.process) if is_roomy else ()),
            )
            for agent in rows
        ),
    )


def assignments(rows: Iterable[AssignmentAnswer], width: int) -> Table:
    """Who took an order; the times are milliseconds after the claim."""
    headings = (_("user"), _("device"), _("acked after"), _("done after"), _("outcome"), _("message"))
    return table(
        headings,
        (
            (
                row.username,
                device(row.device_id, width),
                after(row.assigned_ms, row.acked_ms),
                after(row.assigned_ms, row.executed_ms),
                outcome_word(row.outcome or "open"),
                row.message,
            )
            for row in rows
        ),
    )


def after(start_ms: int | None, end_ms: int | None) -> str | None:
    return None if start_ms is None or end_ms is None else f"{end_ms - start_ms} ms"


def device(device_id: str, width: int) -> str:
    return device_id if width >= ROOMY else device_id[:SHORT_DEVICE]


def zone_of(times: Iterable[Time]) -> str | None:
    """The one zone of all these times, `UTC+8`; None where they are of several (summer and winter)."""
    found = {zone_name(text, at_ms) for text, at_ms in times if text is not None and at_ms is not None}
    return found.pop() if len(found) == 1 else None


def zone_name(text: str, at_ms: int) -> str:
    """The hub says a time as text in its zone and in milliseconds: the difference is the zone's offset."""
    offset = offset_minutes(text, at_ms)
    if not offset:
        return "UTC"
    hours, minutes = divmod(abs(offset), 60)
    return f"UTC{'+' if offset > 0 else '-'}{hours}{f':{minutes:02}' if minutes else ''}"


def offset_minutes(text: str, at_ms: int) -> int:
    as_utc = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round((as_utc.timestamp() - at_ms / 1_000) / 60)


def in_zone(heading: str, zone: str | None) -> str:
    return f"{heading} ({zone})" if zone else heading


def time_text(time: Time, zone: str | None, is_short: bool = False) -> str | None:
    """The time as the hub said it; with its zone where that is not the heading's. `is_short`: without the year."""
    text, at_ms = time
    if text is None or at_ms is None:
        return None
    name = zone_name(text, at_ms)
    shown = text[5:] if is_short else text
    return shown if name == zone else f"{shown} {name}"


def whole_time(time: Time) -> str | None:
    """The time with its zone."""
    return time_text(time, None)


def order_status(order: OrderAnswer) -> str:
    """An order that somebody took is not *expired* when its window ends: then results are awaited, or all are in."""
    outcomes = order.outcomes
    if order.status_text != "expired" or outcomes is None or not taken(outcomes):
        return status_word(order.status_text)
    return _("open") if outcomes.open else _("settled")


def user_status(user: AccountAnswer, now_ms: int) -> str:
    """By the clock too: the hub notes an expiry when somebody meets it."""
    is_over = user.expire_ms is not None and user.expire_ms <= now_ms
    return status_word("expired" if is_over and user.status_text == "active" else user.status_text)


def taken(outcomes: Outcomes) -> int:
    """How many users have the order."""
    return sum(numbers(outcomes).values())


def numbers(outcomes: Outcomes) -> dict[str, int]:
    return {name: getattr(outcomes, name) for name in outcomes.__struct_fields__}


def counts(outcomes: Outcomes | None) -> str | None:
    """`5 success, 1 failed`; None where nobody has it or it was not counted."""
    if outcomes is None:
        return None
    said = [f"{count} {outcome_word(name)}" for name, count in numbers(outcomes).items() if count]
    return _(", ").join(said) or None


def outcome_word(outcome: str) -> str:
    """An outcome in the reader's language."""
    words: dict[Any, str] = {
        "success": _("success"),
        "failed": _("failed"),
        "rejected": _("rejected"),
        "expired": _("expired unplaced"),
        "unknown": _("unknown"),
        "open": _("open"),
    }
    return words.get(outcome, outcome)


def role_word(role: str) -> str:
    return {"admin": _("admin"), "trader": _("trader")}.get(role, role)


def status_word(status: str) -> str:
    """An order's or a user's status in the reader's language."""
    return {
        "pending": _("pending"),
        "assigned": _("assigned"),
        "expired": _("expired"),
        "cancelled": _("cancelled"),
        "active": _("active"),
        "disabled": _("disabled"),
    }.get(status, status)
