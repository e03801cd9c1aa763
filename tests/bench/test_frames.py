"""The generator's frame parser: what it must read however the bytes are cut, and what it must refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from .frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    BrokenFrame,
    FrameParser,
    accept_for,
    client_frame,
    lone_text,
    server_frame,
)

SIZES = st.sampled_from([0, 1, 125, 126, 127, 211])


def read(*pieces: bytes) -> list[tuple[int, bytes]]:
    parser = FrameParser()
    return [message for piece in pieces for message in parser.feed(piece)]


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), SIZES), max_size=4), st.integers(1, 400))
def test_frames_are_read_however_they_are_cut(frames: list[tuple[int, int]], cut: int) -> None:
    sent = [(opcode, bytes([65 + number]) * size) for number, (opcode, size) in enumerate(frames)]
    stream = b"".join(server_frame(payload, opcode) for opcode, payload in sent)
    assert read(*(stream[i : i + cut] for i in range(0, len(stream), cut))) == sent


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_large_frames_are_read_in_pieces(size: int) -> None:
    frame = server_frame(b"x" * size)
    assert read(*(frame[i : i + 4096] for i in range(0, len(frame), 4096))) == [(TEXT, b"x" * size)]


def test_fragments_are_joined_around_a_ping() -> None:
    first = bytes([TEXT, 2]) + b"or"  # no final bit
    last = bytes([0x80 | CONTINUATION, 3]) + b"der"
    assert read(first, server_frame(b"?", PING), last) == [(PING, b"?"), (TEXT, b"order")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (client_frame(b"masked"), "masked"),
        (bytes([0xC1, 1, 65]), "reserved bit"),
        (bytes([0x80 | CONTINUATION, 1, 65]), "without its beginning"),
        (bytes([TEXT, 1, 65]) + server_frame(b"other"), "without its end"),
    ],
    ids=["masked", "reserved", "no beginning", "no end"],
)
def test_what_a_client_must_refuse(data: bytes, why: str) -> None:
    with pytest.raises(BrokenFrame, match=why):
        read(data)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_our_frames_are_what_the_websockets_library_reads(size: int) -> None:
    reader = StreamReader()
    reader.feed_data(client_frame(b"x" * size))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as read_whole:
        next(parsing)
    frame = read_whole.value.value
    assert (frame.opcode, frame.data) == (Opcode.TEXT, b"x" * size)


def test_the_short_way_takes_whole_frames_only() -> None:
    frame = server_frame(b"x" * 211)
    assert lone_text(frame) == b"x" * 211
    for other in (frame[:-1], frame + b"\x81", server_frame(b"short"), server_frame(b"x" * 211, CLOSE), b""):
        assert lone_text(other) is None


def test_the_accept_header_is_the_one_of_the_rfc() -> None:
    assert accept_for(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
