"""The storm: everybody is connected, polls, and changes devices and hubs, while order after order is published.

`test_mass` runs it on different clusters. The invariant it counts: over all of a user's devices and ways, an order
reaches an exchange at most once, and the record says `success` exactly where it did.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import jwt

from tests.kit.admin import ask
from tests.kit.agents import ScriptedAgent
from tests.kit.cluster import Trial
from tests.kit.crowd import Crowd, Member
from tests.kit.people import Person
from tests.services.waiting import eventually

POLL_EVERY = 4
RELOGIN_EVERY = 5


@dataclass
class User:
    """One trader with everything that acts in their name."""

    person: Person
    hub: int
    first: Member
    token: str
    seconds: list[Member | ScriptedAgent] = field(default_factory=list)
    polled: Counter[int] = field(default_factory=Counter)

    def submissions(self, order_id: int) -> int:
        """How often the order reached an exchange, by any of the user's ways."""
        devices = [self.first, *self.seconds]
        counts = [device.submissions() if isinstance(device, Member) else device.submissions for device in devices]
        return self.polled[order_id] + sum(count[order_id] for count in counts)


class Storm:
    """`people` users on the hubs of a trial in turn."""

    def __init__(self, trial: Trial, crowd: Crowd) -> None:
        self._trial = trial
        self._crowd = crowd
        self.users: list[User] = []
        self.order_ids: list[int] = []

    async def gather(self, people: int) -> None:
        """Everyone is connected with a true agent, and holds its token for polling too."""
        enrolled = await self._trial.enrol(people)
        joining = [self._join(n, person) for n, person in enumerate(enrolled)]
        self.users = await asyncio.gather(*joining)

    async def blow(self, orders: int, seconds: int) -> None:
        """Publishes order after order; users poll, and each tries a second device once, somewhere in between."""
        async with asyncio.TaskGroup() as doing:
            for turn in range(orders):
                admin = self._trial.admin_at(turn % len(self._trial.urls))
                self.order_ids.append(await admin.publish([user.person.id for user in self.users], seconds))
                for n, user in enumerate(self.users):
                    if n % orders == turn:
                        doing.create_task(self._second_device(n, user))
                    if n % POLL_EVERY == turn % POLL_EVERY:
                        doing.create_task(self._poll(user))

    async def settle(self, timeout_s: float) -> None:
        """Returns when every user's every order has an outcome."""
        wanted = len(self.users) * len(self.order_ids)
        query = (
            "SELECT count(*) FROM order_assignments WHERE outcome IS NOT NULL"
            f" AND order_id IN ({', '.join(map(str, self.order_ids))})"
        )

        async def is_so() -> bool:
            return bool(await self._trial.books.value(query) >= wanted)

        await eventually(is_so, "every assignment has an outcome", timeout_s)

    async def _join(self, n: int, person: Person) -> User:
        hub = n % len(self._trial.urls)
        member = await self._crowd.join(self._trial.urls[hub], person)
        return User(person, hub, member, await self._token_of(person, member))

    async def _token_of(self, person: Person, member: Member) -> str:
        """What the agent holds as its token, made again: it keeps its own to itself."""
        session_id = await self._trial.books.value(f"SELECT session_id FROM users WHERE id = {person.id}")
        claims = {"sub": str(person.id), "jti": session_id, "dev": member.device_id, "exp": int(time.time()) + 3_600}
        return jwt.encode(claims, self._trial.cluster.hubs[0].settings.jwt_secret, "HS256")

    async def _second_device(self, n: int, user: User) -> None:
        """At the other hub: under the same login, or with a login of its own."""
        other = self._trial.urls[user.hub - 1]
        if n % RELOGIN_EVERY == 0:
            user.seconds.append(await self._crowd.join(other, user.person))
        else:
            device = self._trial.desk.device(other, user.person, user.token, acts=True)
            user.seconds.append(device)
            await device.connect()

    async def _poll(self, user: User) -> None:
        """As a polling client: what it gets it places, and reports. A login that was replaced is told so."""
        url = self._trial.urls[user.hub - 1]
        answer = await ask(self._trial.http, "GET", f"{url}/api/orders/pull", user.token)
        assert answer.status in (200, 401), answer.message
        order = answer.data["order"] if answer.status == 200 else None
        if order is not None:
            user.polled[order["id"]] += 1
            body = {"order_id": order["id"], "result": {"success": True, "message": "", "data": None}}
            reported = await ask(self._trial.http, "POST", f"{url}/api/orders/record-result", user.token, body)
            assert reported.status == 200, reported.message
