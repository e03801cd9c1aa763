"""What is owed: said at once, or when Redis is back, in its order, and never twice for nothing."""

import pytest

from hub.clock import now_ms
from hub.cluster import announcements
from hub.cluster.announcements import Announcements
from hub.errors import Unavailable


class Away:
    """A Redis that is there or not."""

    def __init__(self) -> None:
        self.is_there = True
        self.said: list[str] = []

    async def say(self, what: str) -> None:
        if not self.is_there:
            raise Unavailable("Redis", "refused")
        self.said.append(what)


async def test_what_could_not_be_said_is_said_in_its_order_once_it_can_be() -> None:
    redis, owed = Away(), Announcements(now_ms)

    async def tell(what: str, until_ms: int | None = None) -> None:
        await owed.tell(what, lambda: redis.say(what), until_ms)

    await tell("at once")
    redis.is_there = False
    await tell("first")
    await tell("over by then", now_ms() - 1)
    redis.is_there = True
    await tell("second")
    assert (redis.said, len(owed)) == (["at once"], 3)
    await owed.pay()
    assert (redis.said, len(owed)) == (["at once", "first", "second"], 0)


async def test_while_redis_is_away_all_stays_owed() -> None:
    redis, owed = Away(), Announcements(now_ms)
    redis.is_there = False
    await owed.tell("first", lambda: redis.say("first"))
    with pytest.raises(Unavailable):
        await owed.pay()
    assert len(owed) == 1


async def test_more_than_can_be_owed_pushes_the_oldest_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "MOST_OWED", 3)
    redis, owed = Away(), Announcements(now_ms)
    redis.is_there = False
    for number in range(5):
        await owed.tell(str(number), lambda number=number: redis.say(str(number)))  # type: ignore[misc]
    redis.is_there = True
    await owed.pay()
    assert redis.said == ["2", "3", "4"]
