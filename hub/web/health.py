"""/healthz: the process answers. /readyz: it can do its work, or which part cannot."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hub.model.answers import PartAnswer, Ready
from hub.runtime.readiness import Readiness
from hub.web.envelope import answer, not_ready


class HealthRoutes:
    """What monitors and balancers ask. Nothing here waits for a store."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def healthz(self, _request: Request) -> Response:
        """200 while the process answers."""
        return answer()

    async def readyz(self, _request: Request) -> Response:
        """200 when a publish now would be stored, claimed and spread, else 503; each part, since when, and why."""
        parts = [PartAnswer(*msgspec.structs.astuple(part)) for part in self._readiness.parts()]
        return answer(Ready(parts)) if all(part.is_ready for part in parts) else not_ready(parts)
