"""`python -m tests.exchange`: the stand-in for a person, until Ctrl-C."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from .faults import FAULTS, RANDOM
from .history import KEY, SECRET
from .server import Exchange

_FAULTS = "\n\n".join(f"{fault.name}: {fault.about}" for fault in FAULTS.values())
_EPILOG = f"""Faults:\n\n{_FAULTS}\n\nWhile it runs, POST JSON to /_control/: scan, session, end-session,
captcha-solved, login {{qr_s, cookie_s, captcha}}, fault {{name, on, times}}, ratio {{TEN_MINUTE: "0.75"}},
price {{symbol, price}}, drop. GET /_control/witness shows what it got."""


def _named(fault: str | None) -> str | None:
    if fault is not None and fault not in FAULTS:
        raise typer.BadParameter(f"there is {', '.join(FAULTS)}")
    return fault


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 8100,
    witness: Annotated[
        Path | None, typer.Option(help="Append each request that it gets to this file, one JSON object a line.")
    ] = None,
    fault: Annotated[
        str | None, typer.Option(callback=_named, help="How each place-order goes wrong; the names are below.")
    ] = None,
    fault_rate: Annotated[
        float, typer.Option(min=0, max=1, help=f"The share of place-orders that go wrong, in {len(RANDOM)} ways.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of what goes wrong at random.")] = 0,
    speed: Annotated[float, typer.Option(min=0.001, help="2 makes ten minutes five.")] = 1.0,
) -> None:
    """A stand-in for the exchange on this computer: it takes orders like Binance's web pages, and nothing is real."""
    exchange = Exchange(witness, rate=fault_rate, seed=seed, speed=speed, port=port)
    exchange.faults.arm(fault)
    try:
        asyncio.run(_serve(exchange, witness))
    except OSError as error:
        typer.echo(f"port {port} cannot be used: {error.strerror}", err=True)
        raise typer.Exit(1) from None


async def _serve(exchange: Exchange, witness: Path | None) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with exchange:
        typer.echo(_greeting(exchange, witness))
        await stopped.wait()
    typer.echo(f"\nended; it got {len(exchange.witness.orders)} place-order requests")


def _greeting(exchange: Exchange, witness: Path | None) -> str:
    return f"""The exchange's stand-in listens on {exchange.url} (Ctrl-C ends it). Nothing here is real.

For an agent:
  export AGENT_BINANCE_URL={exchange.url} AGENT_BINANCE_ACCOUNTS_URL={exchange.url}
  export AGENT_PRICE_URL={exchange.stream_url}
A session without a browser:
  curl -s -X POST {exchange.url}/_control/session | agent bind --stdin
The login page, and the scan of its QR code:
  {exchange.url}/en/login     curl -s -X POST {exchange.url}/_control/scan
A key that may only read: {{"key": "{KEY[:3]}… (64 times K)", "secret": "{SECRET[:3]}… (64 times S)"}}
What it gets is written to {witness or "no file (--witness FILE)"}."""


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(epilog=_EPILOG)(main)
    app()
