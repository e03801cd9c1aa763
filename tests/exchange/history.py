"""The documented API with keys, signed (HMAC-SHA256): the income history and what a key may do."""

import hashlib
import hmac
from typing import Any, Final

from aiohttp import web

from .account import Account, Position
from .witness import now_ms

KEY, SECRET = "K" * 64, "S" * 64
WINDOW_MS: Final = 5_000


class History:
    """One key of one account. `may` is what apiRestrictions says of it."""

    def __init__(self, account: Account) -> None:
        self.may: dict[str, Any] = {
            "ipRestrict": False,
            "createTime": 1_700_000_000_000,
            "enableReading": True,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": True,
        }
        self._account = account

    async def restrictions(self, request: web.Request) -> web.Response:
        """`GET /sapi/v1/account/apiRestrictions`"""
        return self._unsigned(request) or web.json_response(self.may)

    async def income(self, request: web.Request) -> web.Response:
        """`GET /fapi/v1/income`: oldest first, at most `limit` rows of the span."""
        refused = self._unsigned(request)
        if refused is not None:
            return refused
        self._account.settle_due()
        start, end = int(request.query.get("startTime", 0)), int(request.query.get("endTime", 2**53))
        rows = [row for position in self._account.positions for row in _rows(position)]
        rows = sorted((row for row in rows if start <= row["time"] <= end), key=lambda row: int(row["time"]))
        return web.json_response(rows[: int(request.query.get("limit", 100))])

    def _unsigned(self, request: web.Request) -> web.Response | None:
        query, _, signature = request.query_string.rpartition("&signature=")
        right = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        if request.headers.get("X-MBX-APIKEY") != KEY:
            return web.json_response({"code": -2015, "msg": "Invalid API-key, IP, or permissions."}, status=401)
        if not hmac.compare_digest(signature, right):
            return web.json_response({"code": -1022, "msg": "Signature for this request is not valid."}, status=400)
        if abs(now_ms() - int(request.query.get("timestamp", 0))) > WINDOW_MS:
            return web.json_response({"code": -1021, "msg": "Timestamp is outside of the recvWindow."}, status=400)
        return None


def _rows(position: Position) -> list[dict[str, Any]]:
    rows = [_row(position, "EVENT_CONTRACTS_ORDER", f"-{position.stake}", position.opened_ms, 1)]
    if position.closed_price is not None and position.profit >= 0:
        back = position.stake + position.profit
        rows.append(_row(position, "EVENT_CONTRACTS_PAYOUT", str(back), position.ends_ms, 2))
    return rows


def _row(position: Position, kind: str, income: str, at_ms: int, nth: int) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "incomeType": kind,
        "income": income,
        "asset": "USDT",
        "info": kind,
        "time": at_ms,
        "tranId": position.id * 10 + nth,
        "tradeId": "",
    }
