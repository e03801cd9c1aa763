"""The lists as tables, one function a kind of row. Pure: views in, a table out. Imported by the commands."""

from collections.abc import Iterable

from rich.table import Table

from hub.cli.screen import table
from hub.language import _
from hub.model.answers import AccountAnswer, AgentAnswer, AssignmentAnswer, OrderAnswer


def users(rows: Iterable[AccountAnswer]) -> Table:
    headings = (_("id"), _("name"), _("role"), _("status"), _("expires"), _("created"), _("connected"))
    return table(
        headings,
        (
            (
                user.id,
                user.username,
                user.role,
                status_word(user.status_text),
                user.expire_at or _("never"),
                user.created_at,
                _("yes") if user.connected else _("no"),
            )
            for user in rows
        ),
    )


def orders(rows: Iterable[OrderAnswer]) -> Table:
    headings = (_("id"), _("symbol"), _("direction"), _("increment"), _("valid"), _("status"), _("created"), _("for"))
    return table(
        headings,
        (
            (
                order.id,
                order.symbol_name,
                order.direction,
                order.time_increments,
                f"{order.valid_duration} s",
                status_word(order.status_text),
                order.created_at,
                _("everybody") if order.targets is None else _("{count} users").format(count=len(order.targets)),
            )
            for order in rows
        ),
    )


def agents(rows: Iterable[AgentAnswer]) -> Table:
    headings = (_("user"), _("device"), _("version"), _("driver"), _("since"), _("latency"), _("address"), _("process"))
    return table(
        headings,
        (
            (
                agent.username,
                agent.device_id,
                agent.version,
                agent.driver,
                agent.since,
                None if agent.latency_ms is None else f"{agent.latency_ms:.0f} ms",
                agent.address,
                agent.process,
            )
            for agent in rows
        ),
    )


def assignments(rows: Iterable[AssignmentAnswer]) -> Table:
    """Who took an order; the times are milliseconds after the claim."""
    headings = (_("user"), _("device"), _("acked after"), _("done after"), _("outcome"), _("message"))
    return table(
        headings,
        (
            (
                row.username,
                row.device_id,
                after(row.assigned_ms, row.acked_ms),
                after(row.assigned_ms, row.executed_ms),
                row.outcome or _("open"),
                row.message,
            )
            for row in rows
        ),
    )


def after(start_ms: int | None, end_ms: int | None) -> str | None:
    return None if start_ms is None or end_ms is None else f"{end_ms - start_ms} ms"


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
