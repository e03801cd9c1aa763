"""The other side of `submission`, in a process of its own: a small hub and the exchange's stand-in.

    python -m tests.bench.submission_peer ORDERS

Prints where both are and a session, waits for the agent, sends one order after the other, each once the last one has
its result, and says how many place-order requests came.
"""

import asyncio
import json
import sys
from typing import Final

import msgspec

from tests.agent.hub_on_loopback import HubOnLoopback
from tests.exchange.server import Exchange
from tests.services.waiting import eventually

PAUSE_S: Final = 0.02


async def serve(orders: int) -> None:
    """All orders, one by one."""
    hub, exchange = HubOnLoopback(), Exchange()
    await hub.start()
    await exchange.start()
    session = msgspec.to_builtins(exchange.log_in())
    print(json.dumps({"hub": hub.url, "password": hub.password, "exchange": exchange.url, "session": session}))
    sys.stdout.flush()
    await eventually(lambda: hub.times > 0, "the agent is connected", 30)
    for number in range(1, orders + 1):
        await hub.push(hub.order(number))
        await eventually(lambda number=number: hub.results.get(number), "a result came", 30)
        await asyncio.sleep(PAUSE_S)
    print(json.dumps({"requests": len(exchange.witness.orders)}))
    await hub.stop()
    await exchange.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
