"""Every query. The rest of the hub sees records (`hub.model.records`) and epoch milliseconds, never SQL."""

from .assignments import Assignments
from .changes import Changes
from .contradictions import Contradictions
from .database import Database
from .fitness import try_database
from .installation import Installation
from .journals import Journals
from .orders import Orders
from .restoration import Restoration
from .users import Users


class Store:
    """The database, by what is kept in it."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.users = Users(self.database)
        self.orders = Orders(self.database)
        self.assignments = Assignments(self.database)
        self.changes = Changes(self.database)
        self.journals = Journals(self.database)
        self.contradictions = Contradictions(self.database)
        self.installation = Installation(self.database)
        self.restoration = Restoration(self.database)

    async def try_out(self) -> None:
        """Whether a hub can work with it; changes nothing. Raises Unfit, Unavailable."""
        async with self.database.writing() as connection:
            await try_database(connection)

    async def close(self) -> None:
        await self.database.close()


__all__ = ["Store"]
