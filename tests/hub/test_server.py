"""What `hub serve` refuses before it listens: a store that another program uses, a family with two Redis."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hub.store import installation
from tests.services.fixtures import Stores
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import free_port
from tests.services.redis_server import RedisServer


def serve(home: Path, settings: HubSettings, *options: str, data_dir: Path | None = None) -> tuple[int, str]:
    """A second hub that is expected to end by itself; its exit code, and what it said."""
    home.mkdir(exist_ok=True)
    environment = HubProcess(home, settings).environment()
    environment |= {"HUB_DATA_DIR": str(data_dir or home), "HUB_PORT": str(free_port())}
    run = subprocess.run(
        [sys.executable, "-m", "hub", "serve", *options], cwd=home, env=environment, capture_output=True, timeout=30
    )
    return run.returncode, run.stderr.decode()


def test_a_second_hub_on_one_data_directory_ends_with_the_reason(
    start_hub: Callable[[HubSettings], HubProcess], embedded_stores: Stores, tmp_path: Path
) -> None:
    settings = HubSettings(embedded_stores.database_url, embedded_stores.redis_url)
    first = start_hub(settings)
    code, said = serve(tmp_path / "second", settings)
    assert code == 1
    assert "Another hub uses" in said
    assert "Traceback" not in said
    assert first.is_ready()


def test_a_port_that_is_taken_is_said_before_anything_is_ready(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = HubSettings(f"sqlite+aiosqlite:///{tmp_path / 'hub.db'}", "embedded://")
        code, said = serve(tmp_path, settings, "--port", port)
    assert (code, said) == (
        1,
        f"Error: Port {port} at 127.0.0.1 is taken by another program: end it, or take another port with --port.\n",
    )
    assert list(tmp_path.glob("hub.db*")) == []


def test_embedded_redis_beside_a_server_database_is_refused_unless_it_is_meant(
    database_url: str, tmp_path: Path
) -> None:
    code, said = serve(tmp_path, HubSettings(database_url, "embedded://"))
    assert code == 1
    assert "--alone" in said


def test_a_hub_whose_family_has_another_redis_refuses_to_start(
    start_hub: Callable[[HubSettings], HubProcess],
    server_stores: Stores,
    own_redis: Callable[[], RedisServer],
    tmp_path: Path,
) -> None:
    first = start_hub(HubSettings(server_stores.database_url, server_stores.redis_url))
    code, said = serve(tmp_path, HubSettings(server_stores.database_url, own_redis().url()))
    assert code == 1
    assert "another Redis" in said
    assert "HUB_REDIS_URL" in said
    assert first.is_ready()


def test_a_hub_that_was_killed_keeps_nobody_from_starting(
    start_hub: Callable[[HubSettings], HubProcess], embedded_stores: Stores
) -> None:
    """Its row says for a while that it lives, and its Redis died with it."""
    assert installation.ALIVE_S > 3
    hub = start_hub(HubSettings(embedded_stores.database_url, embedded_stores.redis_url))
    hub.kill()
    hub.start()
    assert hub.is_ready()


def test_a_service_that_cannot_stay_up_ends_the_process_with_70_and_tells_its_agents(
    embedded_stores: Stores, tmp_path: Path
) -> None:
    """A hub whose ledger is broken by a mistake of ours, and whose patience is a second."""
    broken = (
        "import sys, hub.orders.ledger, hub.runtime.supervisor\n"
        "async def write_forever(self): raise TypeError('ours')\n"
        "hub.orders.ledger.Ledger.write_forever = write_forever\n"
        "hub.runtime.supervisor.GIVE_UP_S = 1\n"
        "from hub.__main__ import main\n"
        "sys.exit(main(['serve']))"
    )
    settings = HubSettings(embedded_stores.database_url, embedded_stores.redis_url)
    environment = HubProcess(tmp_path, settings).environment() | {"HUB_PORT": str(free_port())}
    run = subprocess.run([sys.executable, "-c", broken], cwd=tmp_path, env=environment, capture_output=True, timeout=30)
    said = run.stderr.decode()
    assert run.returncode == 70, said
    assert said.count("Traceback") == 1
    assert "a service cannot stay up" in said
