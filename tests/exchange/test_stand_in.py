"""The stand-in against plain clients: the envelope, the rules, each fault, and a witness that misses nothing."""

import asyncio
import hashlib
import hmac
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.services.process import ROOT
from tests.services.waiting import eventually

from .account import Session
from .faults import FAULTS
from .history import KEY, SECRET
from .server import Exchange
from .web_api import CLOSED, ONGOING, USER
from .witness import PLACE_ORDER, now_ms, read

BODY = {
    "orderAmount": "5",
    "timeIncrements": "TEN_MINUTE",
    "symbolName": "BTCUSDT",
    "payoutRatio": "0.80",
    "direction": "LONG",
}


def headers(session: Session) -> dict[str, str]:
    return {"clienttype": "web", "csrftoken": session.csrftoken, "cookie": f"p20t={session.p20t}"}


async def ask(exchange: Exchange, path: str, session: Session, body: Any = None, **params: Any) -> tuple[int, Any]:
    """One request by a client that follows nothing and retries nothing."""
    timeout = aiohttp.ClientTimeout(total=5)
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client,
        client.request(
            method, exchange.url + path, json=body, headers=headers(session), params=params, allow_redirects=False
        ) as answer,
    ):
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.text())


async def test_an_order_is_taken_in_the_envelope_and_stands_in_the_list(exchange: Exchange) -> None:
    session = exchange.log_in()
    status, answer = await ask(exchange, PLACE_ORDER, session, BODY)
    assert (status, answer["code"], answer["success"]) == (200, "000000", True)
    _, listed = await ask(exchange, ONGOING, session, page=1, rows=10)
    assert [row["orderId"] for row in listed["data"]["rows"]] == [answer["data"]["orderId"]]
    (seen,) = exchange.witness.orders
    assert seen.is_whole
    assert seen.headers["csrftoken"] == session.csrftoken
    assert '"orderAmount"' in seen.body


async def test_what_has_ended_is_in_the_other_list_with_its_profit(exchange: Exchange) -> None:
    session = exchange.log_in()
    exchange.account.speed = 1_000_000
    await ask(exchange, PLACE_ORDER, session, BODY)
    exchange.prices.set("BTCUSDT", exchange.prices.of("BTCUSDT") + 1)

    async def closed() -> Any:
        _, answer = await ask(exchange, CLOSED, session, page=1, rows=10, startTime=0, endTime=now_ms())
        return answer["data"]["rows"]

    (row,) = await eventually(closed, "the position has ended", 5)
    assert row["profit"] == "4.00"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"orderAmount": 5}, "Illegal parameter"),
        ({"orderAmount": "5.5"}, "The amount is below the minimum or has a fraction"),
        ({"payoutRatio": "0.79"}, "Ratio has changed"),
        ({"extra": "1"}, "Illegal parameter"),
        ({"direction": "UP"}, "Illegal parameter"),
    ],
)
async def test_what_breaks_a_rule_is_refused_in_words(exchange: Exchange, change: dict[str, Any], words: str) -> None:
    _, answer = await ask(exchange, PLACE_ORDER, exchange.log_in(), BODY | change)
    assert (answer["success"], answer["message"]) == (False, words)
    assert exchange.account.positions == []


async def test_a_newer_login_ends_the_older_session(exchange: Exchange) -> None:
    older, newer = exchange.log_in(), exchange.log_in()
    assert (await ask(exchange, USER, older))[0] == 401
    assert (await ask(exchange, USER, newer))[1]["data"]["userId"] == exchange.account.uid


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("never", "slow")])
async def test_each_fault_is_seen_once_and_takes_the_order_only_where_the_table_says_so(
    exchange: Exchange, name: str
) -> None:
    exchange.faults.arm(name)
    session = exchange.log_in()
    answer: Any = None
    try:
        _, answer = await ask(exchange, PLACE_ORDER, session, BODY)
    except aiohttp.ClientError as error:
        answer = error
    (seen,) = exchange.witness.orders
    assert seen.fault == name
    assert seen.is_whole is (name != "cut-before-reading")
    assert len(exchange.account.positions) == FAULTS[name].takes
    looks_right = isinstance(answer, dict) and answer.get("success") and answer["data"].get("orderId") == "7000000001"
    assert not looks_right


async def test_never_means_that_it_was_taken_and_no_byte_comes(exchange: Exchange) -> None:
    exchange.faults.arm("never")
    asking = asyncio.create_task(ask(exchange, PLACE_ORDER, exchange.log_in(), BODY))
    await eventually(lambda: exchange.account.positions, "it was taken", 5)
    assert not asking.done()
    asking.cancel()


async def test_a_request_that_stops_half_way_is_in_the_witness(exchange: Exchange) -> None:
    host, port = exchange.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PLACE_ORDER} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    (seen,) = await eventually(lambda: exchange.witness.orders, "the part is written down", 5)
    assert (seen.is_whole, seen.path) == (False, PLACE_ORDER)


async def test_what_is_done_to_it_from_outside_is_no_request_of_the_exchange(exchange: Exchange) -> None:
    async with aiohttp.ClientSession(exchange.url) as client:
        async with client.post("/_control/session", json={"lasts_s": 60}) as answer:
            session = Session(**await answer.json())
        async with client.post("/_control/fault", json={"name": "503", "times": 1}) as answer:
            assert await answer.json() == {"done": True}
        async with client.post("/_control/fault", json={"name": "magic"}) as answer:
            assert (answer.status, "no fault 'magic'" in await answer.text()) == (422, True)
    await eventually(lambda: not list(exchange._connections.open()), "the connection has ended", 5)
    assert exchange.witness.seen == []
    assert [(await ask(exchange, PLACE_ORDER, session, BODY))[0] for _ in range(2)] == [503, 200]


async def test_faults_at_random_are_the_same_for_a_seed() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Exchange(rate=0.5, seed=seed).faults
        return [None if (fault := faults.next("place-order")) is None else fault.name for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < drawn(1).count(None) < 140


async def test_the_history_wants_a_right_signature(exchange: Exchange) -> None:
    await ask(exchange, PLACE_ORDER, exchange.log_in(), BODY)
    query = f"timestamp={now_ms()}&limit=10"
    signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": KEY}) as client:
        async with client.get(f"{exchange.url}/fapi/v1/income?{query}&signature={signature}") as answer:
            (row,) = await answer.json()
            assert (row["incomeType"], row["income"]) == ("EVENT_CONTRACTS_ORDER", "-5")
        async with client.get(f"{exchange.url}/fapi/v1/income?{query}&signature={'0' * 64}") as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1022)


async def test_the_stream_says_the_index_price_and_its_time(exchange: Exchange) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(exchange.stream_url + "/ws/btcusdt@markPrice@1s") as socket,
    ):
        line = await socket.receive_json(timeout=5)
    assert (line["s"], line["i"]) == ("BTCUSDT", str(exchange.prices.of("BTCUSDT")))
    assert abs(line["E"] - now_ms()) < 5_000


async def test_a_scan_brings_the_cookie_and_the_page_then_sends_the_header(exchange: Exchange) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(exchange.url, cookie_jar=jar) as client:
        get, query = "/bapi/accounts/v2/public/qrcode/login/get", "/bapi/accounts/v2/public/qrcode/login/query"
        async with client.post("/_control/scan") as answer:
            assert await answer.json() == {"scanned": False}, "no code is shown yet"
        async with client.post(get) as answer:
            code = (await answer.json())["data"]["qrCode"]
        async with client.post("/_control/scan") as answer:
            assert await answer.json() == {"scanned": True}
        async with client.post(query, json={"qrCode": code}) as answer:
            assert (await answer.json())["data"]["status"] == "CONFIRM"
            cookie = answer.cookies["p20t"].value
        session = exchange.account.sessions[cookie]
        async with client.get("/en/my/dashboard") as answer:
            assert session.csrftoken in await answer.text()


async def test_idle_connections_are_dropped_when_asked(exchange: Exchange) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(exchange.url + "/robots.txt") as answer:
            assert answer.status == 200
        assert exchange.drop_idle() == 1
        async with client.get(exchange.url + "/robots.txt") as answer:
            assert answer.status == 200
    assert exchange.connections == 2


def test_it_runs_as_a_program_and_ends_cleanly(tmp_path: Path) -> None:
    file = tmp_path / "witness.jsonl"
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.exchange", "--port", "0", "--witness", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        greeting = child.stdout.readline()
        url = greeting.split(" listens on ")[1].split(" ")[0]

        async def place() -> None:
            async with (
                aiohttp.ClientSession(url) as client,
                client.post(PLACE_ORDER, json=BODY, headers={"cookie": "p20t=x"}) as answer,
            ):
                assert answer.status == 401

        asyncio.run(place())
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read()
        assert child.wait(10) == 0
    assert "it got 1 place-order requests" in rest
    assert "Traceback" not in rest
    (seen,) = read(file)
    assert seen.path == PLACE_ORDER
