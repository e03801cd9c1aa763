"""Wrong settings of both programs, and what each answers. `python -m tests.wrong_settings` asks the real programs.

Each is one sentence that names the setting, where it stands and what it takes; no secret is in any.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.services.hub_process import clean_environment

SECRET: Final = "dontshowme"
LONG: Final = "0123456789abcdef0123456789abcdef"


class Wrong(NamedTuple):
    """Where it stands (empty: the environment), what stands there, and a part of the answer."""

    file: str
    text: str
    answer: str

    def put(self, folder: Path, set_variable: Callable[[str, str], object]) -> None:
        if self.file:
            (folder / self.file).write_text(self.text + "\n", encoding="utf-8")
        else:
            set_variable(*self.text.split("=", 1))


SERVER: Final[dict[str, Wrong]] = {
    "letters turned": Wrong("", "HUB_REDIS_ULR=redis://127.0.0.1", "the nearest is HUB_REDIS_URL"),
    "a letter left out": Wrong("", "HUB_DATABSE_URL=x", "the nearest is HUB_DATABASE_URL"),
    "a setting of the command line": Wrong("", "HUB_TIMOUT=5", "the nearest is HUB_TIMEOUT"),
    "nothing like it": Wrong("", "HUB_XYZZY=1", "`hub settings` lists them all"),
    "a wrong name in .env": Wrong(".env", "HUB_PROT=8000", "HUB_PROT (.env); the nearest is HUB_PORT"),
    "a wrong name in hub.yaml": Wrong(
        "hub.yaml",
        "port: 1\ntimezon: UTC",
        "timezon (hub.yaml, line 2); the nearest is timezone",
    ),
    "a prefix in hub.yaml": Wrong("hub.yaml", "HUB_PORT: 8000", "There is no setting HUB_PORT (hub.yaml, line 1)"),
    "a wrong part of the section": Wrong("hub.yaml", "database: {mysq: {}}", "the nearest is database.mysql"),
    "a wrong key in it": Wrong("hub.yaml", "database:\n  mysql: {hots: db}", "the nearest is database.mysql.host"),
    "a section that is a word": Wrong("hub.yaml", "database: mysql", "database (hub.yaml, line 1): takes mysql, redis"),
    "a part that is a list": Wrong(
        "hub.yaml",
        "database: {redis: [1]}",
        "database.redis (hub.yaml, line 1): takes host, port",
    ),
    "a port of letters in it": Wrong(
        "hub.yaml",
        "database: {redis: {port: six}}",
        "database.redis.port (hub.yaml, line 1): takes a whole",
    ),
    "a port of letters": Wrong(
        "",
        "HUB_PORT=http",
        "HUB_PORT (environment): takes a whole number from 0 to 65,535, not 'http'",
    ),
    "a port too high": Wrong("", "HUB_PORT=65536", "not '65536'"),
    "a port that kubernetes sets": Wrong(
        "", "HUB_PORT=tcp://10.0.0.1:80", "HUB_PORT (environment): takes a whole number"
    ),
    "a zone that is none": Wrong("", "HUB_TIMEZONE=Mars", "'Mars' is no time zone; takes an IANA name"),
    "a way of claiming that is none": Wrong("", "HUB_CLAIMS=slow", "takes one of fast, strict, not 'slow'"),
    "no heartbeat": Wrong("", "HUB_HEARTBEAT_S=0", "takes a whole number from 1 to 300 (seconds)"),
    "a session of no length": Wrong("", "HUB_SESSION_HOURS=0", "takes a number over 0 to 720 (hours)"),
    "a grace below nothing": Wrong("", "HUB_RESULT_GRACE_S=-1", "from 0 to 3,600 (seconds)"),
    "a form of lines that is none": Wrong(
        "hub.yaml",
        "log_format: xml",
        "HUB_LOG_FORMAT (hub.yaml, line 1): takes one of console, json",
    ),
    "a short secret": Wrong("", f"HUB_JWT_SECRET={SECRET}", "takes at least 32 bytes"),
    "a published secret": Wrong(".env", "HUB_ADMIN_TOKEN=admin-secret-token", "is a word from public examples"),
    "a database of another kind": Wrong(
        "",
        f"HUB_DATABASE_URL=postgresql://hub:{SECRET}@db/hub",
        "is no database that the hub can use",
    ),
    "a database without a driver": Wrong("", f"HUB_DATABASE_URL=mysql://hub:{SECRET}@db/hub", "mysql+asyncmy://"),
    "a database's port of letters": Wrong(
        "", f"HUB_DATABASE_URL=mysql+asyncmy://hub:{SECRET}@db:x/hub", "is no database"
    ),
    "a Redis of another kind": Wrong("", f"HUB_REDIS_URL=memcached://:{SECRET}@cache", "is no address of a Redis"),
    "a Redis without a host": Wrong("", "HUB_REDIS_URL=redis://", "is no address of a Redis"),
    "a yaml that is a list": Wrong("hub.yaml", "- port", "hub.yaml: takes names and values"),
    "a yaml that is a word": Wrong("hub.yaml", "port", "hub.yaml: takes names and values"),
    "a broken yaml": Wrong("hub.yaml", "port: 1\nhost: a: b", "hub.yaml, line 2: is no YAML"),
    "a yaml with a tab": Wrong("hub.yaml", "database:\n\tmysql: 1", "hub.yaml, line 2: is no YAML"),
    "a short token": Wrong("", f"HUB_ADMIN_TOKEN={SECRET}", "HUB_ADMIN_TOKEN (environment): takes at least 32 bytes"),
    "a port of nothing": Wrong("", "HUB_PORT=", "takes a whole number from 0 to 65,535, not ''"),
    "a port below nothing": Wrong("", "HUB_PORT=-1", "not '-1'"),
    "hours with their unit": Wrong("", "HUB_SESSION_HOURS=24h", "takes a number over 0 to 720 (hours), not '24h'"),
    "hours without end": Wrong("", "HUB_SESSION_HOURS=inf", "takes a number over 0 to 720 (hours), not 'inf'"),
    "half a heartbeat": Wrong("", "HUB_HEARTBEAT_S=1.5", "takes a whole number from 1 to 300 (seconds), not '1.5'"),
    "a list for a number": Wrong("hub.yaml", "port: [1]", "HUB_PORT (hub.yaml, line 1): takes a whole number"),
    "yes for a port": Wrong("hub.yaml", "metrics_port: yes", "takes a whole number from 1 to 65,535, not True"),
    "an address of nothing": Wrong("", "HUB_HOST=", "takes an address or the name of a host, not ''"),
    "a folder of nothing": Wrong("", "HUB_DATA_DIR=", "HUB_DATA_DIR (environment): takes a path."),
    "a metrics port that is any": Wrong("", "HUB_METRICS_PORT=0", "takes a whole number from 1 to 65,535, not '0'"),
    "a short metrics token": Wrong("", f"HUB_METRICS_TOKEN={SECRET}", "takes at least 32 bytes."),
    "a short one of two secrets": Wrong("", f"HUB_JWT_SECRET={LONG},{SECRET}", "takes at least 32 bytes"),
    "proxies by name": Wrong("", "HUB_TRUSTED_PROXIES=nginx", "takes addresses or networks with commas between them"),
    "a network that is none": Wrong("", "HUB_TRUSTED_PROXIES=10.0.0.0/33", "takes addresses or networks"),
    "a slash in a database's password": Wrong(
        "", f"HUB_DATABASE_URL=mysql+asyncmy://hub:{SECRET}/x@db/hub", "such as %40 for @ and %2F for /"
    ),
    "an at sign in it": Wrong("", f"HUB_DATABASE_URL=mysql+asyncmy://hub:{SECRET}@x@db/hub", "written as %XX"),
    "a slash in a Redis's password": Wrong("", f"HUB_REDIS_URL=redis://:{SECRET}/x@cache/0", "written as %XX"),
    "a Redis port too high": Wrong("", f"HUB_REDIS_URL=redis://:{SECRET}@cache:99999/0", "is no address of a Redis"),
    "a Redis of nothing": Wrong("", "HUB_REDIS_URL=", "is no address of a Redis"),
}
"""Settings of `hub serve` and of every other command."""

COMMANDS: Final[dict[str, Wrong]] = {
    "letters turned": Wrong("", "HUB_ULR=http://hub", "the nearest is HUB_URL"),
    "no scheme": Wrong(
        "", "HUB_URL=hub:8000", "HUB_URL (environment): is no address of a hub; takes http:// or https://"
    ),
    "another scheme": Wrong("", "HUB_URL=ftp://hub", "is no address of a hub"),
    "a port too high": Wrong("", "HUB_URL=http://127.0.0.1:99999", "is no address of a hub"),
    "half an IPv6 address": Wrong("", "HUB_URL=http://[::1", "is no address of a hub"),
    "a host that is none": Wrong("", "HUB_URL=https://..", "is no address of a hub"),
    "a login in the address": Wrong("", f"HUB_URL=https://ann:{SECRET}@hub", "is no address of a hub"),
    "a time with its unit": Wrong("", "HUB_TIMEOUT=10s", "takes a number over 0 to 600 (seconds), not '10s'"),
    "no time": Wrong(".env", "HUB_TIMEOUT=0", "HUB_TIMEOUT (.env): takes a number over 0 to 600 (seconds), not '0'"),
    "a language that is none": Wrong("", "HUB_LANGUAGE=klingon", "HUB_LANGUAGE (environment): takes en or zh_CN"),
    "neither yes nor no": Wrong("", "HUB_INSECURE_HTTP=perhaps", "takes true or false, not 'perhaps'"),
}
"""Settings of the commands that talk to a hub."""

AGENT: Final[dict[str, Wrong]] = {
    "letters turned": Wrong("", "AGENT_ODER_AMOUNT=5", "the nearest is AGENT_ORDER_AMOUNT"),
    "a wrong name in .env": Wrong(".env", "AGENT_SERVER=x", "AGENT_SERVER (.env); the nearest is AGENT_SERVER_URL"),
    "a wrong name in agent.yaml": Wrong(
        "agent.yaml",
        "order_amuont: 5",
        "order_amuont (agent.yaml, line 1); the nearest is order_amount",
    ),
    "a stake of nothing": Wrong("", "AGENT_ORDER_AMOUNT=0", "takes a number over 0 (USDT), not '0'"),
    "a stake of letters": Wrong(
        "agent.yaml",
        "order_amount: five",
        "AGENT_ORDER_AMOUNT (agent.yaml, line 1): takes a number over 0",
    ),
    "a stake without end": Wrong("", "AGENT_ORDER_AMOUNT=Infinity", "takes a number over 0"),
    "a driver that is none": Wrong("", "AGENT_DRIVER=okx", "takes one of paper, binance-web, not 'okx'"),
    "symbols that are none": Wrong("", "AGENT_ALLOWED_SYMBOLS=BTC/USDT", "takes symbols with commas between them"),
    "no symbol": Wrong("", "AGENT_ALLOWED_SYMBOLS=", "takes symbols with commas between them"),
    "a share over one": Wrong("", "AGENT_PAPER_REFUSAL_RATE=2", "takes a number from 0 to 1"),
    "a hub of another scheme": Wrong("", "AGENT_SERVER_URL=ftp://hub", "takes http:// or https://"),
    "a proxy of another scheme": Wrong("", f"AGENT_PROXY=ftp://u:{SECRET}@p:1", "takes http://host:port"),
    "an exchange in the clear": Wrong("", "AGENT_BINANCE_URL=http://binance.example", "is for this computer only"),
    "neither yes nor no": Wrong("", "AGENT_REPORT_SETTLEMENT=perhaps", "takes true or false, not 'perhaps'"),
    "a language that is none": Wrong("", "AGENT_LANGUAGE=klingon", "takes en or zh_CN"),
    "a yaml that is a list": Wrong("agent.yaml", "- 1", "agent.yaml: takes names and values"),
    "a broken yaml": Wrong("agent.yaml", "driver: [", "agent.yaml, line 2: is no YAML"),
    "a setting of the hub in agent.yaml": Wrong(
        "agent.yaml", "driver: paper\nport: 8000", "There is no setting port (agent.yaml, line 2)"
    ),
    "a hub's port too high": Wrong("", "AGENT_SERVER_URL=http://127.0.0.1:99999", "takes http:// or https://"),
    "a folder of nothing": Wrong("", "AGENT_DATA_DIR=", "AGENT_DATA_DIR (environment): takes a path."),
    "half an exchange": Wrong(
        "", "AGENT_BINANCE_URL=https://[::1", "AGENT_BINANCE_URL (environment): takes https://host"
    ),
    "a login of no length": Wrong("", "AGENT_SESSION_S=0", "takes a whole number from 1 (seconds), not '0'"),
    "a payout with its sign": Wrong("", "AGENT_PAYOUT_ONE_DAY=85%", "takes a number over 0, not '85%'"),
    "a yaml that is text": Wrong("agent.yaml", "paper", "agent.yaml: takes names and values"),
    "a tab in agent.yaml": Wrong("agent.yaml", "driver:\n\tpaper", "agent.yaml, line 2: is no YAML"),
}
"""Settings of `agent`."""

PROGRAMS: Final = {
    ("hub", "serve"): SERVER,
    ("hub", "users", "list"): COMMANDS,
    ("agent", "--headless"): AGENT,
}


def ask(command: tuple[str, ...], wrong: Wrong) -> tuple[int, str]:
    """The real program's exit code and what it said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = clean_environment(folder)
        wrong.put(folder, environment.__setitem__)
        run = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
    return run.returncode, run.stdout + run.stderr


def main() -> int:
    """Prints the table; how many answers are not as they should be."""
    rows = [(command, what, wrong) for command, table in PROGRAMS.items() for what, wrong in table.items()]
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda row: ask(row[0], row[2]), rows))
    bad = 0
    for (command, what, wrong), (code, text) in zip(rows, said, strict=True):
        is_good = code == 2 and wrong.answer in text and not any(sign in text for sign in ("Traceback", SECRET))
        bad += not is_good
        stands = f"{wrong.file}: {wrong.text!r}" if wrong.file else wrong.text
        print(f"{'ok' if is_good else '!!'}  {' '.join(command)}, {what}: {stands.replace(SECRET, '…')}")
        print(f"    exit {code}: {text.splitlines()[0] if text else ''}")
    print(f"{len(rows)} wrong settings, {bad} answered otherwise than they should be")
    return bad


if __name__ == "__main__":
    sys.exit(main())
