"""`hub orders`: publish, see, watch and cancel. Every command is a request or a few to the hub.

Imported by hub.cli only. The invariant: a publish always carries an Idempotency-Key, so whatever breaks on the
way, trying again with that key can never make a second order.
"""

import asyncio
import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from hub.cli import arguments, lists
from hub.cli.arguments import AsJson, Limit, Page, Since, example, part
from hub.cli.client import HubClient, ask, read
from hub.cli.errors import OutOfReach, Refused
from hub.cli.funnel import draw
from hub.cli.screen import note, note_rest, say, show_json, show_line, show_list, to_json, width
from hub.cli.users import user_id
from hub.cli.watch import watch_order
from hub.language import _
from hub.model.answers import Audience, OrderDetail, OrderPage
from protocol.manual import App
from protocol.messages import LONGEST_WINDOW_S

app = App(_, help=_("Orders: publish, see, watch, cancel."), no_args_is_help=True)

RETRY_PAUSES_S = (0.5, 2.0)
STORE_AWAY = 503
AUDIENCE_S = 1.5
"""How long an order waits for the sentence about who will get it."""
Valid = Annotated[
    int, typer.Option(min=1, max=LONGEST_WINDOW_S, metavar="SECONDS", help=_("How long it may be placed."))
]


class Status(StrEnum):
    pending = "pending"
    assigned = "assigned"
    expired = "expired"
    cancelled = "cancelled"


class Ending(StrEnum):
    success = "success"
    failed = "failed"
    rejected = "rejected"
    expired = "expired"
    unknown = "unknown"
    open = "open"


OrderId = Annotated[int, typer.Argument(metavar="ID", min=1, help=_("The order's number."))]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, help=_("Seconds to watch at most; ends with 1 when not settled by then."))
]


@app.command(
    "publish",
    help=_("Publish an order to every connected trader, or to those named with --to."),
    epilog=example("hub orders publish btcusdt long 10m --valid 60 --watch"),
)
def publish(
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", callback=arguments.symbol, help=_("Such as BTCUSDT; any case."))
    ],
    direction: Annotated[
        str, typer.Argument(metavar="DIRECTION", callback=arguments.direction, help=_("LONG or SHORT; any case."))
    ],
    increment: Annotated[
        str, typer.Argument(metavar="INCREMENT", callback=arguments.increment, help=arguments.INCREMENT_HELP)
    ],
    valid: Valid,
    to: Annotated[
        list[str] | None, typer.Option(metavar="USER", help=_("Only for this user, name or number; repeatable."))
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help=_("Stay, and draw the funnel until it is settled."))] = False,
    timeout: Timeout = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            callback=arguments.idempotency_key,
            help=_("The same key never makes a second order; made up when not given."),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    body = {
        "time_increments": increment,
        "symbol_name": symbol,
        "direction": direction,
        "valid_duration": valid,
    }
    key = idempotency_key or str(uuid.uuid4())
    data = ask(lambda hub: send_order(hub, body, to or [], key, is_told=not as_json))
    if as_json:
        show_line(to_json(data, indent=None))
    else:
        what = f"{symbol} {direction} {increment}"
        say(_("Order {id} published: {what}, valid {seconds} s.").format(id=data["order_id"], what=what, seconds=valid))
    if watch:
        watch_order(data["order_id"], as_json, timeout)


async def send_order(hub: HubClient, body: dict[str, Any], targets: list[str], key: str, is_told: bool) -> Any:
    """The hub's answer to this order; before it, where `is_told`, whom it will reach. Raises CommandError.

    When the answer is lost on the way it asks once more with the same key; lost again, the error tells the key.
    """
    if targets:
        body = {**body, "targets": [await target(hub, who) for who in targets]}
    if is_told:
        await tell_audience(hub, body.get("targets", []))
    try:
        return await post_order(hub, body, key)
    except OutOfReach as error:
        raise OutOfReach(str(error), f"{error.advice}\n{retry_hint(key)}".lstrip()) from None
    except Refused as error:
        if error.status != STORE_AWAY:
            raise
        raise Refused(str(error), f"{error.advice}\n{retry_hint(key)}".lstrip(), error.status) from None
    except asyncio.CancelledError:
        note(retry_hint(key))
        raise


async def tell_audience(hub: HubClient, targets: list[str | int]) -> None:
    """Says who will get the order, before its time runs. A hub that cannot say in time holds up no order."""
    try:
        async with asyncio.timeout(AUDIENCE_S):
            answer = await hub.get(
                "/api/orders/audience",
                username=[who for who in targets if isinstance(who, str)],
                user_id=[who for who in targets if isinstance(who, int)],
            )
    except (TimeoutError, OutOfReach, Refused):
        return
    note(audience_sentence(read(answer, Audience)))


def audience_sentence(audience: Audience) -> str:
    """`For traders: 118, connected now: 87. Expired or disabled accounts beside them: 2.`"""
    if audience.connected is None:
        said = _("For traders: {eligible}; how many are connected is not known now.")
    else:
        said = _("For traders: {eligible}, connected now: {connected}.")
    shut_out = audience.targeted - audience.eligible
    more = " " + _("Expired or disabled accounts beside them: {count}.") if shut_out else ""
    return (said + more).format(eligible=audience.eligible, connected=audience.connected, count=shut_out)


async def post_order(hub: HubClient, body: dict[str, Any], key: str) -> Any:
    """Asks again with the same key while the hub or its store is out of reach; a few times."""
    headers = {"Idempotency-Key": key}
    for pause_s in RETRY_PAUSES_S:
        try:
            return await hub.post("/api/orders/create", body, headers)
        except OutOfReach as error:
            note(_("{why} Trying once more.").format(why=error))
        except Refused as error:
            if error.status != STORE_AWAY:
                raise
            note(_("{why} Trying once more.").format(why=error))
        await asyncio.sleep(pause_s)
    return await hub.post("/api/orders/create", body, headers)


def retry_hint(key: str) -> str:
    return _(
        "Whether the order was published is not known. Repeat the command with --idempotency-key {key}: "
        "it can't be published twice that way."
    ).format(key=key)


async def target(hub: HubClient, who: str) -> str | int:
    """A target as the hub takes it. Digits may be a name or a number, so the hub is asked which."""
    return await user_id(hub, who) if who.isdecimal() else who


@app.command("list", help=_("List the orders, newest first."), epilog=example("hub orders list --status pending"))
def list_orders(
    status: Annotated[Status | None, typer.Option(help=_("Only orders of this status."))] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", callback=arguments.symbol, help=_("Only orders of this symbol."))
    ] = None,
    since: Since = None,
    page: Page = 1,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    number = list(Status).index(status) + 1 if status else None
    wanted = {"status": number, "symbol": symbol, "since": since, "outcomes": 1}
    data = ask(lambda hub: hub.get("/api/orders", page=page, page_size=limit, **wanted))
    if as_json:
        show_json(data)
        return
    orders = read(data, OrderPage)
    if orders.rows:
        show_list(lists.orders(orders.rows, width()))
    note_rest(len(orders.rows), orders.total, page)


@app.command("show", help=_("Show an order: its funnel, and who has it."), epilog=example("hub orders show 12"))
def show_order(
    order_id: OrderId,
    outcome: Annotated[Ending | None, typer.Option(help=_("Only users with this outcome."))] = None,
    name: Annotated[str | None, typer.Option(help=_("Only users of this name."))] = None,
    page: Page = 1,
    limit: Limit = 50,
    everyone: Annotated[bool, typer.Option("--all", help=_("Every user on one page."))] = False,
    as_json: AsJson = False,
) -> None:
    data = ask(lambda hub: hub.get(f"/api/orders/{order_id}"))
    is_filtered = (outcome, name) != (None, None)
    if is_filtered:
        data = data | {"assignments": among(data["assignments"], outcome, name)}
    if as_json:
        show_json(data)
        return
    order = read(data, OrderDetail)
    found = order.assignments
    rows = found if everyone else part(found, page, limit)
    drawn = [] if is_filtered or page > 1 else [draw(order)]
    if drawn or rows:
        show_list(*drawn, *([lists.assignments(rows, width())] if rows else []))
    if found or is_filtered:
        note_rest(len(rows), len(found), page)


def among(rows: list[Any], outcome: Ending | None, name: str | None) -> list[Any]:
    """The hub's rows of this outcome, of this user."""
    ends = None if outcome == Ending.open else outcome
    return [row for row in rows if name in (None, row["username"]) and (outcome is None or row["outcome"] == ends)]


@app.command(
    "watch",
    help=_("Draw an order's funnel live until it is settled. Ctrl-C ends only the watching."),
    epilog=example("hub orders watch 12 --timeout 120"),
)
def watch(order_id: OrderId, timeout: Timeout = None, as_json: AsJson = False) -> None:
    watch_order(order_id, as_json, timeout)


@app.command(
    "cancel",
    help=_("Cancel an order: what is not submitted yet will not be."),
    epilog=example("hub orders cancel 12 --reason 'wrong direction'"),
)
def cancel(
    order_id: OrderId,
    reason: Annotated[str | None, typer.Option(help=_("Shown to the traders."))] = None,
) -> None:
    body = {"reason": reason} if reason else {}
    ask(lambda hub: hub.post(f"/api/orders/{order_id}/cancel", body))
    say(_("Order {id} is cancelled.").format(id=order_id))
