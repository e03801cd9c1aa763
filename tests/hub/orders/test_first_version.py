"""An agent of 0.1.0 at today's hub: every byte that it says and all that it understands stand here as they were then.

A newer hub may say more in fields that such an agent does not know. A type that it does not know would cost it the
connection at the third.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from tests.kit.raw import Client, RawAgent, User
from tests.services.waiting import wait_until

Connect = Callable[..., RawAgent]

UNDERSTOOD: Final[dict[str, set[str]]] = {
    "welcome": {"session_id", "user_id", "username", "hub_time_ms", "heartbeat_s", "token_expire_ms"},
    "order": {"order", "sent_ms"},
    "recorded": {"order_id"},
    "cancel": {"order_id", "reason"},
    "halt": {"epoch", "reason"},
    "resume": {"epoch", "reason"},
    "time": {"t0_ms", "t1_ms", "t2_ms"},
    "error": {"code", "message"},
}
"""What 0.1.0 takes, each with the fields that it cannot do without."""
OF_AN_ORDER: Final = {
    "id",
    "time_increments",
    "symbol_name",
    "direction",
    "valid_duration",
    "created_ms",
    "expires_ms",
}


class FirstAgent:
    """One of 0.1.0, with a journal that outlives its connections."""

    def __init__(self, client: Client, connect: Connect, user: User) -> None:
        self._client = client
        self._connect = connect
        self._user = user
        self._have: list[int] = []
        self.heard: list[dict[str, Any]] = []

    def connect(self) -> None:
        self._agent = self._connect(self._client, self._client.token(self._user))
        have = json.dumps(self._have)
        self._agent.say(
            f'{{"type":"hello","device_id":"device-1","version":"0.1.0","driver":"paper","have":{have},"halt_epoch":0}}'
        )
        self.hear("welcome")

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of this kind; each on the way is one that 0.1.0 understands."""
        while True:
            message = self._agent.hear()
            self.heard.append(message)
            assert UNDERSTOOD.keys() >= {message["type"]}
            assert message.keys() >= UNDERSTOOD[message["type"]]
            if message["type"] == kind:
                return message

    def take(self) -> int:
        """The next order, into the journal and acknowledged."""
        order = self.hear("order")["order"]
        assert order.keys() >= OF_AN_ORDER
        self._have.append(order["id"])
        self._agent.say(
            f'{{"type":"ack","order_id":{order["id"]},"received_ms":{order["created_ms"]},"uncertainty_ms":4}}'
        )
        return int(order["id"])

    def report(self, order_id: int, outcome: str) -> None:
        self._agent.say(
            f'{{"type":"result","order_id":{order_id},"outcome":"{outcome}","executed_ms":1790000000456,'
            '"message":"taken","data":{"orderId":"981","amount":"5"}}'
        )

    def ask_the_time(self) -> None:
        self._agent.say('{"type":"time","t0_ms":1790000000000}')
        assert self.hear("time")["t0_ms"] == 1_790_000_000_000

    def drop(self) -> None:
        self._agent.socket.close()


def test_the_day_of_an_order(client: Client, agents: Connect) -> None:
    user = client.user()
    agent = FirstAgent(client, agents, user)
    agent.connect()
    agent.ask_the_time()
    done, interrupted, cancelled = [client.publish(user) for _ in range(3)]
    assert [agent.take() for _ in range(3)] == [done, interrupted, cancelled]
    agent.report(done, "success")
    assert agent.hear("recorded")["order_id"] == done
    wait_until(lambda: client.assignments(cancelled)[0]["acked_ms"], "the ack is written")
    agent.drop()
    assert client.ask("POST", f"/api/orders/{cancelled}/cancel", {"reason": "wrong way"}).status == 200
    missed = client.publish(user)
    agent.connect()
    assert agent.hear("cancel")["order_id"] == cancelled
    assert agent.take() == missed
    for order_id, outcome in ((interrupted, "unknown"), (missed, "failed"), (cancelled, "rejected")):
        agent.report(order_id, outcome)
        assert agent.hear("recorded")["order_id"] == order_id
    agent.report(interrupted, "success")
    assert agent.hear("recorded")["order_id"] == interrupted
    agent.ask_the_time()
    orders = [message["order"]["id"] for message in agent.heard if message["type"] == "order"]
    assert orders == [done, interrupted, cancelled, missed]
    outcomes = [client.order(order_id)["assignments"][0]["outcome"] for order_id in orders]
    assert outcomes == ["success", "success", "rejected", "failed"]
