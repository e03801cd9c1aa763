"""Telling everyone that an account or a login is not what it was: here at once, elsewhere through the stream."""

import structlog

from hub.cluster.bus import Bus, UserChanged
from hub.errors import Unavailable
from hub.sessions.recheck import Recheck

log = structlog.get_logger(__name__)


class Notices:
    """After the database has the change."""

    def __init__(self, bus: Bus, recheck: Recheck) -> None:
        self._bus = bus
        self._recheck = recheck

    async def user_changed(self, user_id: int) -> None:
        """Live sessions of the user end or go on as the account now says. The change itself stands already."""
        try:
            await self._recheck.user(user_id)
            await self._bus.announce(UserChanged(user_id))
        except Unavailable as error:
            # Whoever missed it asks the database once the stream is back.
            self._bus.is_in_doubt = True
            log.warning("notice not spread yet", user_id=user_id, error=str(error))
