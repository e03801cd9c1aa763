"""Who may say what, and when: any sequence of messages and garbage ends in answers or in `RemoteProtocolError`."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.closes import BAD_MESSAGE
from protocol.codec import encode
from protocol.conversation import (
    MOVES,
    UNKNOWN_TYPES_BORNE,
    Conversation,
    LocalProtocolError,
    RemoteProtocolError,
    State,
)
from protocol.messages import (
    Ack,
    Cancel,
    CaughtUp,
    Error,
    Halted,
    HaltMessage,
    Hello,
    Message,
    Order,
    OrderMessage,
    Recorded,
    Result,
    Resume,
    Settled,
    Time,
    TimeReply,
    ToAgent,
    Welcome,
)

from . import strategies

HELLO = Hello("device", "1", "paper")
WELCOME = Welcome("s", 1, "ann", 5, 15, 6)
ORDER = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1, 2)
AGENTS: list[Message] = [
    HELLO,
    Ack(1, 1, 1),
    Result(1, "success", 1),
    Halted(1),
    Settled(1, "won", "confirmed", 1),
    Time(1),
]
HUBS: list[Message] = [
    WELCOME,
    OrderMessage(ORDER, 1),
    Recorded(1),
    CaughtUp(),
    Cancel(1, "x"),
    HaltMessage(1, "x"),
    Resume(1, "x"),
    TimeReply(1, 1, 1),
    Error("X", "x"),
]
ALLOWED: dict[State, set[type[Message]]] = {
    State.CONNECTED: {Hello, Error},
    State.GREETED: {Welcome, Error},
    State.OPEN: {type(message) for message in AGENTS + HUBS} - {Hello, Welcome},
}


def talk(role: str, state: State) -> Conversation[Any]:
    """A conversation that has come to this state."""
    conversation: Conversation[Any] = Conversation(role)  # type: ignore[call-overload]
    steps: list[Message] = {State.CONNECTED: [], State.GREETED: [HELLO], State.OPEN: [HELLO, WELCOME]}[state]
    for message in steps:
        is_ours = isinstance(message, ToAgent) == (role == "hub")
        conversation.send(message) if is_ours else conversation.receive(encode(message))
    assert conversation.state is state
    return conversation


CASES = [(state, message) for state in State for message in AGENTS + HUBS]
NAMES = [f"{state.name}-{type(message).__name__}" for state, message in CASES]


@pytest.mark.parametrize(("state", "message"), CASES, ids=NAMES)
@pytest.mark.parametrize("role", ["hub", "agent"])
def test_the_table_from_both_sides(role: str, state: State, message: Message) -> None:
    conversation = talk(role, state)
    is_ours = isinstance(message, ToAgent) == (role == "hub")
    if type(message) not in ALLOWED[state]:
        error = LocalProtocolError if is_ours else RemoteProtocolError
        with pytest.raises(error, match="out of turn"):
            conversation.send(message) if is_ours else conversation.receive(encode(message))
        assert conversation.state is state
    elif is_ours:
        assert conversation.send(message) == encode(message)
        assert conversation.state is MOVES[state][type(message)]
    else:
        assert conversation.receive(encode(message)) == message
        assert conversation.state is MOVES[state][type(message)]


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_nobody_speaks_for_the_other(role: str) -> None:
    conversation = talk(role, State.OPEN)
    for message in AGENTS if role == "hub" else HUBS:
        with pytest.raises(LocalProtocolError, match="is not ours to say"):
            conversation.send(message)


def test_a_newer_hub_may_say_any_number_of_types_that_an_agent_does_not_know() -> None:
    conversation = talk("agent", State.OPEN)
    for number in range(1, 100):
        ignored = conversation.receive(f'{{"type":"of tomorrow {number}","order_id":{number}}}')
        assert isinstance(ignored, Error)
        assert conversation.unknown_types == number
    assert conversation.receive(encode(Recorded(1))) == Recorded(1)


def test_an_agents_third_unknown_type_ends_it() -> None:
    conversation = talk("hub", State.OPEN)
    for _ in range(UNKNOWN_TYPES_BORNE):
        answer = conversation.receive('{"type":"nope"}')
        assert isinstance(answer, Error)
        assert answer.code == "UNKNOWN_TYPE"
        assert conversation.receive(encode(Time(1))) == Time(1)
    with pytest.raises(RemoteProtocolError, match="third time") as ended:
        conversation.receive('{"type":"nope"}')
    assert ended.value.close is BAD_MESSAGE


@settings(max_examples=100)
@given(
    st.sampled_from(["hub", "agent"]),
    st.sampled_from(list(State)),
    st.lists(st.one_of(strategies.garbage, strategies.to_hub.map(encode), strategies.to_agent.map(encode)), max_size=8),
)
def test_nothing_but_the_peers_fault_comes_of_any_input(role: str, state: State, texts: list[str | bytes]) -> None:
    conversation = talk(role, state)
    for text in texts:
        before = conversation.state
        received = _received(conversation, text)
        if isinstance(received, RemoteProtocolError):
            assert (received.close, conversation.state) == (BAD_MESSAGE, before)
            assert str(received)
            continue
        # What is heard is either the peer's, in turn, or the answer to an unknown type.
        is_answer = isinstance(received, Error) and received.code == "UNKNOWN_TYPE" and conversation.state is before
        assert is_answer or type(received) in ALLOWED[before]
        encode(received)


def _received(conversation: Conversation[Any], text: str | bytes) -> Any:
    try:
        return conversation.receive(text)
    except RemoteProtocolError as error:
        return error


@settings(max_examples=100)
@given(st.lists(st.one_of(strategies.to_hub, strategies.to_agent), max_size=8))
def test_two_sides_that_keep_the_table_agree(messages: list[Message]) -> None:
    hub, agent = talk("hub", State.CONNECTED), talk("agent", State.CONNECTED)
    for message in [HELLO, WELCOME, *messages]:
        speaker, listener = (hub, agent) if isinstance(message, ToAgent) else (agent, hub)
        try:
            text = speaker.send(message)
        except LocalProtocolError:
            continue
        assert listener.receive(text) == message
        assert hub.state is agent.state
