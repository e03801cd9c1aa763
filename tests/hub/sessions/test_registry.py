"""Who is connected: a user has one session, the newest; chunks hold everyone once, prepared as they stand now."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.sessions import registry
from hub.sessions.outbox import CLOSE_TIMEOUT_S
from hub.sessions.registry import Registry, Session
from protocol import closes
from protocol.conversation import Conversation
from protocol.messages import Hello, Welcome

SMALL_CHUNK = 4


class Box:
    """An outbox that keeps what it is given; `is_frozen`: its peer takes no close frame."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.closed_with: tuple[int, str] | None = None
        self.is_frozen = False
        self.is_stopped = False
        self.was_aborted = False

    def offer(self, text: bytes, frame: bytes) -> bool:
        if self.is_stopped:
            return False
        self.texts.append(text)
        return True

    def stop(self) -> None:
        self.is_stopped = True

    async def close(self, code: int, reason: str) -> None:
        if self.is_frozen:
            await asyncio.Event().wait()
        self.closed_with = code, reason

    def abort(self) -> None:
        self.was_aborted = True


def session(user_id: int, device_id: str = "phone", account_expire_ms: int | None = None) -> Session:
    made = Session(
        user_id,
        f"user{user_id}",
        f"token{user_id}",
        account_expire_ms=account_expire_ms,
        token_expire_ms=1_000,
        address="127.0.0.1",
        outbox=Box(),  # type: ignore[arg-type]
        conversation=Conversation("hub"),
        now_ms=5,
    )
    made.introduce(Hello(device_id, "1", "paper", [3, 4]))
    return made


def box(of: Session) -> Box:
    assert isinstance(of.outbox, Box)
    return of.outbox


class Comings(RuleBasedStateMachine):
    """Sessions come, are replaced, leave and leave again."""

    def __init__(self) -> None:
        super().__init__()
        self.chunk_before, registry.CHUNK = registry.CHUNK, SMALL_CHUNK  # type: ignore[misc]
        self.registry = Registry()
        self.now: dict[int, Session] = {}
        self.gone: list[Session] = []

    def teardown(self) -> None:
        registry.CHUNK = self.chunk_before  # type: ignore[misc]

    @rule(
        user_id=st.integers(1, 14), device=st.sampled_from(["phone", "laptop"]), ends=st.sampled_from([None, 10, 2_000])
    )
    def one_comes(self, user_id: int, device: str, ends: int | None) -> None:
        new = session(user_id, device, ends)
        self.registry.arrive(new)
        before = self.now.get(user_id)
        assert self.registry.of_user(user_id) == [new] + ([before] if before else [])
        assert self.registry.join(new) is before
        if before is not None:
            self.gone.append(before)
        self.now[user_id] = new

    @rule(user_id=st.integers(1, 14))
    def one_leaves(self, user_id: int) -> None:
        leaving = self.now.pop(user_id, None)
        if leaving is not None:
            assert self.registry.leave(leaving)
            self.gone.append(leaving)

    @rule()
    def who_is_gone_leaves_again(self) -> None:
        assert not any(self.registry.leave(one) for one in self.gone)

    @rule(user_id=st.integers(1, 14), ends=st.sampled_from([None, 7, 3_000]))
    def an_account_changes(self, user_id: int, ends: int | None) -> None:
        changed = self.now.get(user_id)
        if changed is not None:
            changed.account_expire_ms = ends
            self.registry.changed(changed)

    @invariant()
    def everyone_stands_in_one_chunk(self) -> None:
        groups = self.registry.batches()
        members = [one for group in groups for one in group.sessions]
        assert sorted(one.user_id for one in members) == sorted(self.now)
        assert set(members) == set(self.now.values()) == set(self.registry) == set(self.registry.everyone())
        assert all(0 < len(group.sessions) <= SMALL_CHUNK for group in groups)
        # Thinned chunks are merged: a half-full one can only be the last, or have been made half-full from it.
        assert len(groups) <= 2 * (len(members) // SMALL_CHUNK) + 2

    @invariant()
    def groups_are_prepared_as_their_sessions_are_now(self) -> None:
        for group in self.registry.batches():
            assert bytes(group.users) == ",".join(str(one.user_id) for one in group.sessions).encode()
            assert bytes(group.devices) == ",".join(one.device_id for one in group.sessions).encode()
            assert group.ends_ms == min(one.ends_ms for one in group.sessions)


Comings.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestComings = Comings.TestCase


def test_a_session_ends_with_its_token_or_its_account() -> None:
    assert session(1).ends_ms == 1_000
    assert session(1, account_expire_ms=400).ends_ms == 400
    assert session(1, account_expire_ms=4_000).ends_ms == 1_000


async def test_the_first_reason_stands_and_nothing_is_said_after_it() -> None:
    here, one = Registry(), session(1)
    one.conversation.receive('{"type":"hello","device_id":"phone","version":"1","driver":"paper"}')
    here.join(one)
    assert one.say(Welcome("s", 1, "user1", 1, 15, 1))
    here.close(one, closes.ACCOUNT_DISABLED)
    here.close(one, closes.SESSION_REPLACED)
    assert here.get(1) is None
    assert here.batches() == []
    assert one.close_task is not None
    await one.close_task
    assert box(one).closed_with == (closes.ACCOUNT_DISABLED.code, closes.ACCOUNT_DISABLED.meaning)
    assert len(box(one).texts) == 1


async def test_a_reason_is_cut_to_what_a_close_frame_holds() -> None:
    one = session(1)
    one.close(closes.BAD_MESSAGE, "é" * 200)
    assert one.close_task is not None
    await one.close_task
    closed = box(one).closed_with
    assert closed is not None
    assert closed[1] == "é" * 60


async def test_a_peer_that_takes_no_close_frame_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CLOSE_TIMEOUT_S", CLOSE_TIMEOUT_S / 100)
    one = session(1)
    box(one).is_frozen = True
    one.close(closes.SLOW_CONSUMER)
    assert one.close_task is not None
    await one.close_task
    assert box(one).was_aborted


async def test_of_connections_of_one_user_that_say_no_hello_the_oldest_make_room() -> None:
    registry_ = Registry()
    waiting = [session(1, f"device-{number}") for number in range(registry.MOST_ARRIVING + 3)]
    for one in waiting:
        registry_.arrive(one)
    assert [one.closed for one in waiting[:3]] == [closes.SESSION_REPLACED] * 3
    assert registry_.of_user(1) == waiting[3:]
    another = session(2)
    registry_.arrive(another)
    assert registry_.of_user(2) == [another]
    assert another.closed is None
