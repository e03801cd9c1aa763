"""Any bytes from either side, through both codecs and the conversation behind them, as many messages as wanted:
`python -m tests.protocol.any_bytes --messages 1000000`.

Hypothesis draws whole messages, texts that almost are some, plain bytes, and a row of edits; each edit makes one more
message. Checked of each, from the hub's side and the agent's: it is a message in turn or the peer's fault, nothing else
is raised, and nothing of it stays: the next good message is heard as if it had not been.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Literal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from protocol.closes import BAD_MESSAGE
from protocol.codec import encode
from protocol.conversation import MOVES, Conversation, RemoteProtocolError, State
from protocol.messages import Error, Hello, Message, Recorded, Time, ToAgent, Welcome

from . import strategies

AT_ONCE: Final = 100
"""Messages that are made of one example."""
EDIT_BYTES: Final = 5
PIECE: Final = 50_000
ODD: Final = (
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b",",
        b":",
        b"\\",
        b"\\ud800",
        b"\\u0000",
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(b"-1", b"1e999", b"9" * 25, b"0.5", b"null", b"true", b'"type":"time",', b'"order_id":0,'),
    *(b"[" * 1_200, b"x" * 70_000),
)
"""What is put into a message."""

HELLO: Final = Hello("device", "1", "paper")
WELCOME: Final = Welcome("s", 1, "ann", 5, 15, 6)
Side = Literal["hub", "agent"]
Counts = Counter[str]

anything = strategies.garbage.map(lambda text: text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
bases = st.tuples(strategies.to_hub.map(encode), strategies.to_agent.map(encode), anything).map(list)
edits = st.binary(min_size=AT_ONCE * EDIT_BYTES, max_size=AT_ONCE * EDIT_BYTES)


def messages_of(bases: list[bytes], edits: bytes) -> Iterator[bytes | str]:
    """A message an edit: a base as it is, or with one thing wrong; one in four as text, where it is any."""
    for at in range(0, len(edits), EDIT_BYTES):
        which, kind, where, much, more = edits[at : at + EDIT_BYTES]
        base = bases[which % len(bases)]
        place = (where * 256 + much) % (len(base) + 1)
        before, after = base[:place], base[place:]
        made = {
            0: lambda before=before, after=after: before + after,
            1: lambda before=before: before,
            2: lambda before=before, after=after, more=more: before + bytes([more]) + after[1:],
            3: lambda before=before, after=after, more=more: before + after[more % 8 + 1 :],
            4: lambda before=before, after=after, more=more: before + ODD[more % len(ODD)] + after,
            5: lambda before=before, after=after, more=more: before + ODD[more % len(ODD)] + after[1:],
            6: lambda before=before, more=more: before + bases[more % len(bases)],
            7: lambda before=before, after=after: after + before,
        }[kind % 8]()
        yield made.decode("utf-8", "surrogateescape") if kind >= 192 else made


def talk(side: Side, state: State) -> Conversation[Any]:
    """A conversation that has come to this state."""
    conversation: Conversation[Any] = Conversation(side)  # type: ignore[call-overload]
    for message in {State.CONNECTED: [], State.GREETED: [HELLO], State.OPEN: [HELLO, WELCOME]}[state]:
        is_ours = isinstance(message, ToAgent) == (side == "hub")
        conversation.send(message) if is_ours else conversation.receive(encode(message))
    return conversation


def check(side: Side, state: State, texts: list[bytes | str]) -> Counts:
    """Hears them all in one conversation, one after the other; what became of them."""
    heard: Counts = Counter()
    conversation = talk(side, state)
    for text in texts:
        heard[_hear(conversation, text)] += 1
    if conversation.state is State.OPEN:
        good: Message = Time(1) if side == "hub" else Recorded(1)
        assert conversation.receive(encode(good)) == good
    return heard


def _hear(conversation: Conversation[Any], text: bytes | str) -> str:
    before = conversation.state
    try:
        received = conversation.receive(text)
    except RemoteProtocolError as error:
        received = error
    if isinstance(received, RemoteProtocolError):
        assert (received.close, conversation.state) == (BAD_MESSAGE, before)
        assert str(received)
        return "refused"
    if isinstance(received, Error) and received.code == "UNKNOWN_TYPE" and conversation.state is before:
        return "unknown"
    assert conversation.state is MOVES[before][type(received)]
    encode(received)
    return type(received).__name__


def run(messages: int) -> Counts:
    """So many messages, each heard by both sides. Hypothesis says which one was not borne."""
    heard: Counts = Counter()
    sides: tuple[Side, Side] = ("hub", "agent")

    @settings(
        max_examples=max(1, messages // AT_ONCE),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(list(State)), bases, edits)
    def any_bytes(state: State, bases: list[bytes], edits: bytes) -> None:
        texts = list(messages_of(bases, edits))
        for side in sides:
            heard.update({f"{side} {what}": count for what, count in check(side, state, texts).items()})
        heard["messages"] += len(texts)

    any_bytes()
    return heard


def main() -> int:
    """In pieces, so that what Hypothesis remembers of a run is not taken for memory of ours."""
    parser = argparse.ArgumentParser(description="Any bytes through both codecs: see the head of this module.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    wanted = parser.parse_args().messages
    heard: Counts = Counter()
    began_s = time.monotonic()
    while heard["messages"] < wanted:
        heard += run(min(PIECE, wanted - heard["messages"]))
        took_s, most = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{heard['messages']:>9,} messages in {took_s:5.0f} s, at most {most} MiB", flush=True)
    for what, count in heard.most_common():
        print(f"{count:>11,}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
