"""For scripts: an order by a plain function call, with the arguments that people's scripts have had for it.

The invariant: one call is one request at most, and a call that cannot say what became of it raises MayStand. It goes
past journal, limits and consent: what a script does with it is the script's.
"""

import asyncio
from typing import Any

import msgspec

from agent.config import Settings
from agent.drivers.binance import answers
from agent.drivers.binance.answers import Kind, Raw
from agent.drivers.binance.api import NoAnswer, WebApi, WebSession
from agent.drivers.binance.facts import facts_of
from agent.drivers.binance.network import proxy_in


class NotPlaced(RuntimeError):
    """No byte of the request has left."""


class MayStand(RuntimeError):
    """It may stand at the exchange: look there. Never send it again."""


def place_order_web(
    csrftoken: str,
    p20t: str,
    orderAmount: str,  # noqa: N803 the exchange's own names
    timeIncrements: str,  # noqa: N803
    symbolName: str,  # noqa: N803
    payoutRatio: str,  # noqa: N803
    direction: str,
) -> dict[str, Any]:
    """Place one order and wait; returns the exchange's answer, taken or refused.

    Addresses and proxy come from the agent's settings. Raises NotPlaced or MayStand. Not inside a running loop.
    """
    body = {
        "orderAmount": str(orderAmount),
        "timeIncrements": timeIncrements,
        "symbolName": symbolName,
        "payoutRatio": str(payoutRatio),
        "direction": direction,
    }
    unchanged: dict[str, Any] = {}
    return asyncio.run(_place(Settings(**unchanged), WebSession(csrftoken, p20t), body))


async def _place(config: Settings, session: WebSession, body: dict[str, str]) -> dict[str, Any]:
    facts = facts_of(config)
    api = WebApi(facts, proxy_in(config))
    try:
        answer = await api.place(session, body, config.submit_timeout_s)
    finally:
        await api.close()
    if isinstance(answer, NoAnswer):
        raise MayStand(f"no answer ({answer.why})") if answer.has_left else NotPlaced(answer.why)
    return _envelope(answer, answers.judge(answer, facts, session.secrets).kind)


def _envelope(answer: Raw, kind: Kind) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        body = {"code": str(answer.status), "message": kind.value, "data": None, "success": False}
    if kind is Kind.UNKNOWN:
        raise MayStand(f"an answer that nobody knows (status {answer.status}, code {body.get('code')})")
    return body
