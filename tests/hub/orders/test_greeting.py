"""What the hub tells an agent of its journal: outcomes, cancels, and that this was all; also to a copy."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.kit.raw import Client, RawAgent, User
from tests.services.waiting import wait_until

Connect = Callable[..., RawAgent]


class Computer:
    """A trader's computer: a device with a journal, and its starts of the program."""

    def __init__(self, client: Client, connect: Connect, user: User) -> None:
        self._client = client
        self._connect = connect
        self.user = user
        self.journal = uuid4().hex
        self.last_start: str | None = None
        self.have: list[int] = []

    def start(self) -> RawAgent:
        """Starts the program: a new start after the last one, all that is not reported in `have`."""
        start, previous = uuid4().hex, self.last_start
        self.last_start = start
        agent = self._connect(self._client, self._client.token(self.user))
        self.welcome = agent.hello(journal=self.journal, start=start, previous=previous, have=self.have)
        return agent

    def copy(self) -> "Computer":
        """The data directory on another computer: the same device and journal, the same last start."""
        other = Computer(self._client, self._connect, self.user)
        other.journal, other.last_start, other.have = self.journal, self.last_start, list(self.have)
        return other


def told(agent: RawAgent) -> list[dict[str, Any]]:
    """What is said about `have`, until it was all."""
    heard = []
    while (message := agent.hear())["type"] != "caught_up":
        heard.append(message)
    return heard


def test_an_agent_without_a_journal_is_told_nothing_new(client: Client, agents: Connect) -> None:
    """One of 0.1.0."""
    agent = agents(client, client.token(client.user()))
    agent.hello()
    assert agent.is_served()


def test_the_welcome_names_the_hub_its_newest_order_and_what_it_understands(client: Client, agents: Connect) -> None:
    user = client.user()
    order_id = client.publish(user)
    computer = Computer(client, agents, user)
    agent = computer.start()
    assert len(computer.welcome["hub_id"]) == 36
    assert computer.welcome["newest_order_id"] >= order_id
    assert set(computer.welcome["features"]) == {"caught_up", "settled"}
    assert [message["type"] for message in told(agent)] in ([], ["order"])


def test_an_agent_that_knows_a_newer_order_than_the_database_is_noted(client: Client, agents: Connect) -> None:
    user = client.user()
    newest = client.publish(user)
    agent = agents(client, client.token(user))
    agent.hello(newest_order_id=newest + 50)
    agent = agents(client, client.token(user))
    agent.hello(newest_order_id=2**62)  # nobody uses up the ids by a lie
    wait_until(lambda: f"order_id={newest + 50}" in client.hub.log(), "the log names it")
    agent.is_served()
    assert f"order_id={2**62}" not in client.hub.log()


def test_what_has_an_outcome_or_was_cancelled_is_told_before_caught_up(client: Client, agents: Connect) -> None:
    computer = Computer(client, agents, client.user())
    agent = computer.start()
    told(agent)
    done, cancelled, open_one = [client.publish(computer.user) for _ in range(3)]
    for order_id in (done, cancelled, open_one):
        agent.hear("order")
        agent.say({"type": "ack", "order_id": order_id, "received_ms": 1, "uncertainty_ms": 1})
    agent.say({"type": "result", "order_id": done, "outcome": "failed", "executed_ms": 1, "message": ""})
    agent.hear("recorded")
    assert client.ask("POST", f"/api/orders/{cancelled}/cancel", {"reason": "wrong"}).status == 200
    computer.have = [done, cancelled, open_one]
    heard = told(computer.start())
    assert {(message["type"], message["order_id"]) for message in heard} == {("recorded", done), ("cancel", cancelled)}
    assert [message["outcome"] for message in heard if message["type"] == "recorded"] == ["failed"]


def test_a_copy_is_told_that_what_was_given_out_may_stand(client: Client, agents: Connect) -> None:
    computer = Computer(client, agents, client.user())
    agent = computer.start()
    told(agent)
    order_id = client.publish(computer.user)
    agent.hear("order")
    agent.say({"type": "ack", "order_id": order_id, "received_ms": 1, "uncertainty_ms": 1})
    wait_until(lambda: client.assignments(order_id)[0]["acked_ms"], "the ack is written")
    computer.have = [order_id]
    copy = computer.copy()
    assert told(computer.start()) == []  # its own start: the order is its to submit
    heard = told(copy.start())
    assert [(message["type"], message.get("outcome")) for message in heard] == [("recorded", "unknown")]
    assert [message.get("outcome") for message in told(computer.start())] == ["unknown"]  # which is which, nobody knows


def test_a_device_whose_journal_was_lost_is_not_given_again_what_it_may_have_submitted(
    client: Client, agents: Connect
) -> None:
    computer = Computer(client, agents, client.user())
    agent = computer.start()
    told(agent)
    order_id = client.publish(computer.user)
    agent.hear("order")
    wait_until(lambda: client.order(order_id)["assignments"], "the row is written")
    agent.socket.close()
    again = computer.start()
    assert again.hear("order")["order"]["id"] == order_id  # not acked: the same journal gets it again
    new = Computer(client, agents, computer.user)
    agent = new.start()
    assert told(agent) == []
    assert agent.is_served()


def test_how_a_position_ended_is_kept_and_an_estimate_gives_way(client: Client, agents: Connect) -> None:
    computer = Computer(client, agents, client.user())
    agent = computer.start()
    told(agent)
    order_id = client.publish(computer.user)
    agent.hear("order")
    agent.say({"type": "result", "order_id": order_id, "outcome": "success", "executed_ms": 1, "message": ""})
    agent.hear("recorded")
    for result, source in (("lost", "estimated"), ("won", "confirmed"), ("tie", "estimated")):
        agent.say({"type": "settled", "order_id": order_id, "result": result, "source": source, "at_ms": 1})
    assert agent.is_served()
    wait_until(
        lambda: client.order(order_id)["funnel"]["positions"] == {"won": 1, "lost": 0, "tie": 0, "open": 0},
        "the confirmed end is counted",
    )


def test_a_result_of_a_second_device_is_kept_as_evidence(client: Client, agents: Connect) -> None:
    user = client.user()
    phone = agents(client, client.token(user, "phone"))
    phone.hello("phone")
    order_id = client.publish(user)
    phone.hear("order")
    phone.say({"type": "result", "order_id": order_id, "outcome": "success", "executed_ms": 1, "message": ""})
    phone.hear("recorded")
    laptop = agents(client, client.token(user, "laptop"))
    laptop.hello("laptop")
    laptop.say({"type": "result", "order_id": order_id, "outcome": "success", "executed_ms": 1, "message": ""})
    assert laptop.hear("error")["code"] == "NOT_YOURS"
    found = client.order(order_id)
    assert [(row["device_id"], row["outcome"]) for row in found["contradictions"]] == [("laptop", "success")]
    assert [row["device_id"] for row in found["assignments"]] == ["phone"]


def test_a_result_without_row_or_claim_is_the_only_fact_there_is(client: Client, agents: Connect) -> None:
    """The hub lost both together; the order was meant for this user."""
    user, stranger = client.user(), client.user()
    order_id = client.publish(user)
    for who, code in ((user, "recorded"), (stranger, "error")):
        agent = agents(client, client.token(who))
        agent.hello(have=[order_id])
        agent.say({"type": "result", "order_id": order_id, "outcome": "success", "executed_ms": 1, "message": ""})
        while (message := agent.hear())["type"] == "order":
            continue
        assert message["type"] == code
