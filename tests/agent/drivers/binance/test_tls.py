"""The same over TLS, as the real exchange is reached: a handshake that fails or hangs has sent nothing.

A script in a process of its own places the order, since which certificates are trusted is settled when it starts.
"""

import asyncio
import datetime
import ipaddress
import json
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.exchange.server import Exchange
from tests.services.process import ROOT

from .proxy import LoopbackProxy

SCRIPT = """
import json, sys
from agent.drivers.binance.door import place_order_web
try:
    print(json.dumps(place_order_web(*sys.argv[1:])["success"]))
except RuntimeError as error:
    print(type(error).__name__, error)
"""
MARKS = ("5", "TEN_MINUTE", "BTCUSDT", "0.80", "LONG")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(pem))
    return file


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Exchange]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with Exchange(tls=tls) as exchange:
        yield exchange


async def place(exchange: Exchange, url: str, home: Path, **changes: str) -> str:
    """What the script prints."""
    (home / "binance-web.json").write_text(json.dumps({"timing": {"connect_s": 1.0}}))
    session = exchange.log_in()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, session.csrftoken, session.p20t, *MARKS),
        cwd=ROOT,
        env={**os.environ, "AGENT_BINANCE_URL": url, "AGENT_DATA_DIR": str(home), **changes},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await child.communicate()
    return printed.decode().strip()


async def test_an_order_over_tls_is_one_request(secure: Exchange, certificate: Path, tmp_path: Path) -> None:
    assert await place(secure, secure.url, tmp_path, SSL_CERT_FILE=str(certificate)) == "true"
    assert len(secure.witness.orders) == 1


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_an_order_through_a_tunnel_is_one_request(
    secure: Exchange, certificate: Path, tmp_path: Path, proxy: LoopbackProxy, scheme: str
) -> None:
    changes = {"SSL_CERT_FILE": str(certificate), "AGENT_PROXY": proxy.url(scheme)}
    assert await place(secure, secure.url, tmp_path, **changes) == "true"
    assert (len(secure.witness.orders), len(proxy.served)) == (1, 1)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_tunnel_that_is_refused_has_sent_nothing(
    secure: Exchange, certificate: Path, tmp_path: Path, proxy: LoopbackProxy, scheme: str
) -> None:
    changes = {"SSL_CERT_FILE": str(certificate), "AGENT_PROXY": proxy.url(scheme, password="wrong")}
    said = await place(secure, secure.url, tmp_path, **changes)
    assert said.startswith("NotPlaced")
    assert secure.witness.seen == []


async def test_an_exchange_that_cannot_prove_who_it_is_gets_nothing(secure: Exchange, tmp_path: Path) -> None:
    said = await place(secure, secure.url, tmp_path)
    assert said.startswith("NotPlaced")
    assert secure.witness.seen == []


async def test_a_handshake_that_hangs_has_sent_nothing(secure: Exchange, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = await place(secure, f"https://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
    assert said == "NotPlaced timeout"
