"""Draws an order's funnel: bars, counts and the gaps with their reasons. Pure: an order in, a drawing out.

Imported by `orders` and `watch`. The invariant: every count that the hub gave is shown or summed into one
that is, so what a person reads adds up to `targeted`.
"""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.lists import order_status, outcome_word, whole_time
from hub.language import _
from hub.model.answers import OrderDetail
from hub.model.funnel import Funnel
from protocol.text import clean

BAR_WIDTH = 30
GOOD, BAD, PLAIN = "green", "red", "cyan"

Reasons = dict[str, int]


def draw(order: OrderDetail) -> RenderableType:
    """The order's headline and its funnel, one step a line."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right")
    grid.add_column()
    funnel = order.funnel
    for name, count, gap in steps(funnel):
        grid.add_row(name, bar(count, funnel.targeted, PLAIN), str(count), Text(reasons(gap), style="yellow"))
    for name, count, style in outcomes(funnel):
        if count:
            ends = positions(funnel) if style == GOOD else ""
            grid.add_row("  " + name, bar(count, funnel.targeted, style), str(count), Text(ends, style="dim"))
    said = [Text(warning, style="bold red") for warning in warnings(order)]
    return Group(Text(headline(order), style="bold"), grid, *said)


def headline(order: OrderDetail) -> str:
    """What the order says and where it stands, on one line."""
    words = (order.symbol_name, order.direction, order.time_increments)
    return clean(
        _("Order {id}: {what}, valid {seconds} s, until {until} · {status}").format(
            id=order.id,
            what=" ".join(words),
            seconds=order.valid_duration,
            until=whole_time((order.expires_at, order.expires_ms)),
            status=order_status(order),
        )
    )


def line(order: OrderDetail) -> str:
    """The whole funnel on one line, for logs and pipes."""
    parts = [
        f"{name} {count}" + (_(" ({why})").format(why=reasons(gap)) if any(gap.values()) else "")
        for name, count, gap in steps(order.funnel)
    ]
    ends = [f"{name} {count}" for name, count, _style in outcomes(order.funnel) if count]
    start = _("Order {id} {status}").format(id=order.id, status=order_status(order))
    found = " → ".join([*parts, _(", ").join(ends)] if ends else parts)
    return clean(_("{name}: {found}").format(name=start, found=found))


def steps(funnel: Funnel) -> Iterable[tuple[str, int, Reasons]]:
    """Each step with its count, and why it is less than the step before."""
    gap = funnel.not_claimed
    yield _("targeted"), funnel.targeted, {}
    yield (
        _("claimed"),
        funnel.claimed,
        {
            _("not connected"): gap.not_connected,
            _("account expired"): gap.account_expired,
            _("account disabled"): gap.account_disabled,
            _("waiting"): gap.waiting,
        },
    )
    yield _("sent"), funnel.sent, {_("not sent"): funnel.not_sent}
    yield _("acked"), funnel.acked, {_("not acked"): funnel.not_acked}


def outcomes(funnel: Funnel) -> Iterable[tuple[str, int, str]]:
    """Each outcome with its count and colour."""
    ends = funnel.outcomes
    yield outcome_word("success"), ends.success, GOOD
    yield outcome_word("failed"), ends.failed, BAD
    yield outcome_word("rejected"), ends.rejected, "yellow"
    yield outcome_word("expired"), ends.expired, "yellow"
    yield outcome_word("unknown"), ends.unknown, "magenta"
    yield outcome_word("open"), ends.open, "dim"


def positions(funnel: Funnel) -> str:
    """`2 won, 1 not settled`; empty where nothing was placed."""
    ends = funnel.positions
    counts = {_("won"): ends.won, _("lost"): ends.lost, _("tie"): ends.tie, _("not settled"): ends.open}
    return ", ".join(f"{count} {end}" for end, count in counts.items() if count)


def warnings(order: OrderDetail) -> list[str]:
    """What an admin has to look into: orders that may have been submitted twice."""
    return [
        clean(
            _("{user} may have placed it twice: a second device ({device}) reports {outcome}.").format(
                user=row.username, device=row.device_id, outcome=row.outcome
            )
        )
        for row in order.contradictions
    ]


def reasons(gap: Reasons) -> str:
    """`-3: 2 not connected, 1 waiting`; empty where nothing is missing."""
    missing = {why: count for why, count in gap.items() if count}
    if not missing:
        return ""
    each = _(", ").join(f"{count} {why}" for why, count in missing.items())
    return _("{name}: {found}").format(name=f"-{sum(missing.values())}", found=each)


def bar(count: int, whole: int, style: str) -> Text:
    """A bar as long as `count` is of `whole`; anything above nothing shows at least one sign."""
    length = 0 if not whole or not count else max(1, round(BAR_WIDTH * min(count, whole) / whole))
    return Text("█" * length, style=style).append("░" * (BAR_WIDTH - length), style="dim")
