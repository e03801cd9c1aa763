"""Marks planted in cookie, header, key and proxy are found in no log, text, repr or event, whatever goes wrong."""

import logging
import traceback

import msgspec
import pytest

from agent.drivers.binance import network
from agent.drivers.binance.api import WebSession
from agent.drivers.binance.history import HistoryKey
from agent.drivers.binance.network import proxy_of
from agent.model.engine import conclude
from tests.exchange.account import Session
from tests.exchange.faults import FAULTS
from tests.exchange.server import Exchange

from .conftest import Open
from .proxy import LoopbackProxy
from .trading import entry

TOKEN = "MARK" + "c" * 28
COOKIE = "web.123.MARKcookie"


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("name", [*FAULTS, None])
async def test_whatever_goes_wrong_no_mark_gets_out(
    open_desk: Open, exchange: Exchange, proxy: LoopbackProxy, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.account.sessions[COOKIE] = Session(TOKEN, COOKIE, None)
    desk = open_desk(bound=False, proxy=proxy.url("http"))
    desk.kept = msgspec.json.encode(Session(TOKEN, COOKIE, None)).decode()
    await desk.driver.start()
    exchange.faults.arm(name, on="all")
    exchange.api.slow_s = 0.1
    answer = await desk.submit()
    found = await desk.driver.find(entry())
    told = [repr(event) for event in desk.told]
    texts = [repr(answer), repr(conclude(answer, 0)), repr(found), repr(desk.sessions.session), caplog.text, *told]
    assert TOKEN in str(exchange.witness.seen), "the marks were on the wire"
    assert "MARK" not in "\n".join(texts)
    assert proxy.served


async def test_a_request_that_cannot_be_made_tells_nothing_of_itself(open_desk: Open) -> None:
    desk = open_desk(bound=False)
    with pytest.raises(network.Unreachable) as caught:
        await desk.api.rows(WebSession(TOKEN + "\r\nx: y", COOKIE), "/x", {})
    text = "".join(traceback.format_exception(caught.value))
    assert "MARK" not in text


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_refuses_us_sends_nothing_and_its_password_is_in_no_text(
    open_desk: Open, exchange: Exchange, proxy: LoopbackProxy, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = open_desk(proxy=proxy.url(scheme, password="MARKwrong"))
    await desk.driver.start()
    answer = await desk.submit()
    assert proxy.refused > 0
    assert exchange.witness.seen == []
    assert "MARK" not in repr(answer) + repr(desk.told) + caplog.text


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_everything_goes_through_the_proxy(
    open_desk: Open, exchange: Exchange, proxy: LoopbackProxy, scheme: str
) -> None:
    desk = open_desk(proxy=proxy.url(scheme))
    await desk.driver.start()
    assert conclude(await desk.submit(), 0).outcome == "success"
    assert len(proxy.served) == exchange.connections >= 1


def test_nothing_that_holds_a_secret_shows_it() -> None:
    things = (WebSession("MARK", "MARK"), HistoryKey("MARK", "MARK"), proxy_of("http://a:MARK@127.0.0.1:1"))
    assert "MARK" not in repr(things)
