"""Messages of each kind, for hypothesis: every value that the structs allow, and texts that they do not."""

import json
from typing import get_args

from hypothesis import strategies as st

from protocol.messages import (
    DIRECTIONS,
    INCREMENTS,
    OUTCOMES,
    Ack,
    Cancel,
    CaughtUp,
    Error,
    Halt,
    Halted,
    HaltMessage,
    Hello,
    Order,
    OrderMessage,
    Recorded,
    Result,
    Resume,
    Settled,
    SettledAs,
    Source,
    Time,
    TimeReply,
    ToAgent,
    ToHub,
    Welcome,
)

ids = st.integers(1, 2**63 - 1)
millis = st.integers(0, 2**53 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
orders = st.builds(
    Order,
    ids,
    st.sampled_from(INCREMENTS),
    st.from_regex(r"\A[A-Z0-9]{5,20}\Z"),
    st.sampled_from(DIRECTIONS),
    st.integers(1, 86_400),
    millis,
    millis,
)
halts = st.builds(Halt, st.integers(0, 2**31), texts)
to_hub: st.SearchStrategy[ToHub] = st.one_of(
    st.builds(
        Hello,
        st.from_regex(r"\A[A-Za-z0-9._:-]{1,64}\Z"),
        texts,
        texts,
        st.lists(ids, max_size=5),
        st.integers(0, 2**31),
        *[st.none() | st.from_regex(r"\A[A-Za-z0-9._:-]{8,64}\Z")] * 3,
    ),
    st.builds(Ack, ids, millis, millis),
    st.builds(Result, ids, st.sampled_from(OUTCOMES), millis, texts, st.none() | st.dictionaries(texts, json_values)),
    st.builds(Halted, st.integers(0, 2**31), st.none() | ids, st.none() | millis),
    st.builds(Settled, ids, st.sampled_from(get_args(SettledAs)), st.sampled_from(get_args(Source)), millis),
    st.builds(Time, millis),
)
to_agent: st.SearchStrategy[ToAgent] = st.one_of(
    st.builds(
        Welcome,
        texts,
        ids,
        texts,
        millis,
        st.integers(1, 300),
        millis,
        st.none() | millis,
        st.none() | halts,
        st.none() | st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
        st.none() | ids,
        st.lists(texts, max_size=3),
    ),
    st.builds(OrderMessage, orders, millis),
    st.builds(Recorded, ids, st.none() | st.sampled_from(OUTCOMES)),
    st.just(CaughtUp()),
    st.builds(Cancel, ids, texts),
    st.builds(HaltMessage, st.integers(0, 2**31), texts),
    st.builds(Resume, st.integers(0, 2**31), texts),
    st.builds(TimeReply, millis, millis, millis),
    st.builds(Error, texts, texts, st.none() | ids),
)

KINDS = sorted({str(message.__struct_config__.tag) for message in (*get_args(ToHub), *get_args(ToAgent))})
FIELDS = sorted({name for message in (*get_args(ToHub), *get_args(ToAgent)) for name in message.__struct_fields__})


almost = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | texts | json_values},
    optional={name: json_values | st.integers(-2, 2**64) for name in FIELDS},
).map(json.dumps)
deep = st.builds(
    lambda before, depth, after: before + "[" * depth + "]" * depth + after,
    st.sampled_from(['{"type":"time","t0_ms":1,"x":', '{"type":"nope","x":', '{"type":"result","data":{"a":', ""]),
    st.sampled_from([1, 500, 900, 985, 1_000, 20_000]),
    st.sampled_from(["}", "}}", ""]),
)
cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], almost, st.integers(0, 500))
garbage: st.SearchStrategy[str | bytes] = st.one_of(
    almost, cut, deep, st.text(max_size=50), st.binary(max_size=50), almost.map(str.encode), st.just("x" * 70_000)
)
