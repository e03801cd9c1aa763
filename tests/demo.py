"""`make demo`: the main job on one screen. A hub, three traders on paper, one order, and what came of it.

All of it is real: processes of their own, the embedded stores, the `hub` command line as an admin types it. It
needs no keyboard and no screen, and leaves its data in `.demo` to look at. Exit code 0 says that every trader's
result stands in the hub's database; anything else says what does not.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.services.agent_process import AgentProcess
from tests.services.hub_process import HubProcess, HubSettings
from tests.services.process import ProcessDied
from tests.services.waiting import WaitedTooLong, wait_until

DIRECTORY: Final = Path(".demo")
TRADERS: Final = ("alice", "bob", "carol")
ORDER: Final = ("BTCUSDT", "LONG", "TEN_MINUTE", "--valid", "60")
PAPER_SPEED: Final = 600
"""Ten minutes of an event contract pass in a second."""

CLEAN_ENDS: Final = (0, -signal.SIGTERM)
"""uvicorn, once it has shut down in order, ends by the very signal that asked it to."""


class DemoFailed(RuntimeError):
    """What did not come out as it should."""


class Demo:
    """The steps, each said before it is done."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory.resolve()
        self._stack = stack
        self._started = time.monotonic()
        self._hub = HubProcess(self._directory / "hub", HubSettings(jwt_secret="", admin_token=""))
        self._agents: list[AgentProcess] = []

    def run(self) -> None:
        self._start_hub()
        self._add_users_and_agents()
        order_id = self._publish()
        self._verify(order_id)
        self._show_journal(self._agents[0])
        self._stop()
        self._say("Done. All that happened is in these files:")
        self._tell_files()

    def _start_hub(self) -> None:
        self._say("Starting a hub on its defaults: SQLite, and Redis inside the process")
        self._stack.callback(self._hub.kill)
        self._hub.start()
        self._say(f"It answers at {self._hub.url}")

    def _add_users_and_agents(self) -> None:
        self._say("An admin and three traders, each trader's agent with a journal of its own, on the paper exchange")
        self._add_user("boss", "--role", "admin")
        for name in TRADERS:
            self._start_agent(name, self._add_user(name))
        wait_until(self._all_are_connected, "three agents are connected", 15)
        self._hub_cli("agents", "list")

    def _add_user(self, name: str, *options: str) -> str:
        password = secrets.token_urlsafe(12)
        self._hub_cli("users", "add", name, *options, "--password-stdin", typed=password)
        return password

    def _start_agent(self, name: str, password: str) -> None:
        speed = f"--paper-speed={PAPER_SPEED}"
        agent = AgentProcess(self._directory / name, self._hub.url, name, password, speed)
        self._stack.callback(agent.kill)
        agent.start()
        self._agents.append(agent)

    def _all_are_connected(self) -> bool:
        for agent in self._agents:
            if not agent.is_running():
                raise ProcessDied(f"{agent.user}'s agent ended with {agent.exit_code}\n{agent.log_end()}")
        return bool(self._hub.get("/api/admin/agents")["total"] == len(TRADERS))

    def _publish(self) -> int:
        self._hub_cli("orders", "publish", *ORDER, "--watch", "--timeout", "20")
        return int(self._hub.get("/api/orders")["list"][0]["id"])

    def _verify(self, order_id: int) -> None:
        self._hub_cli("orders", "show", str(order_id))
        found = self._hub_json("orders", "show", str(order_id), "--json")
        outcomes = {row["username"]: row["outcome"] for row in found["assignments"]}
        if outcomes != dict.fromkeys(TRADERS, "success"):
            raise DemoFailed(f"not every trader's order was taken: {outcomes}")

    def _show_journal(self, agent: AgentProcess) -> None:
        self._say(f"What {agent.user}'s own journal tells, once the paper exchange has settled the position")
        wait_until(lambda: "profit=" in agent.log(), f"{agent.user}'s position is settled", 15)
        self._show("agent", "history", "--data-dir", str(agent.data_dir.relative_to(self._directory)))

    def _stop(self) -> None:
        self._say("Stopping")
        for process in (*self._agents, self._hub):
            if (code := process.stop()) not in CLEAN_ENDS:
                raise DemoFailed(f"{process.name} ended with {code}\n{process.log_end()}")

    def _tell_files(self) -> None:
        print(f"  {_shown(self._hub.data_dir / 'hub.db')}  the hub's database")
        for agent in self._agents:
            for journal in agent.data_dir.rglob("journal.db"):
                print(f"  {_shown(journal)}  {agent.user}'s journal")
        for process in (self._hub, *self._agents):
            print(f"  {_shown(process.log_file)}")

    def _hub_cli(self, *arguments: str, typed: str = "") -> None:
        self._show("hub", *arguments, typed=typed)

    def _show(self, command: str, *arguments: str, typed: str = "") -> None:
        """Runs the command as a person would, and shows it with its output. Raises DemoFailed."""
        line = f"{command} {' '.join(arguments)}"
        print(f"\n$ {line}", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", command, *arguments],
            input=f"{typed}\n",
            text=True,
            check=False,
            cwd=self._directory,
            env=self._environment(),
        ).returncode
        if code != 0:
            raise DemoFailed(f"`{line}` ended with {code}\n{self._hub.log_end()}")

    def _hub_json(self, *arguments: str) -> Any:
        answer = self._hub.cli(*arguments)
        if answer.returncode != 0:
            raise DemoFailed(f"`hub {' '.join(arguments)}` ended with {answer.returncode}: {answer.stderr}")
        return json.loads(answer.stdout)

    def _environment(self) -> dict[str, str]:
        """The hub's own, but for what a person sees: colours if they want them, and tables in one piece."""
        environment = self._hub.environment() | {"COLUMNS": str(shutil.get_terminal_size((110, 24)).columns)}
        if "NO_COLOR" not in os.environ:
            del environment["NO_COLOR"]
        return environment

    def _say(self, what: str) -> None:
        print(f"\n[{time.monotonic() - self._started:4.1f} s] {what}", flush=True)


def _shown(file: Path) -> str:
    return os.path.relpath(file)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One demo at a time in a place: a second would remove the first one's data. It waits."""
    descriptor = os.open(directory.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main(directory: Path = DIRECTORY) -> int:
    # SIGTERM, like Ctrl-C, still stops the hub and the agents.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _alone(directory), ExitStack() as stack:
            shutil.rmtree(directory, ignore_errors=True)
            Demo(directory, stack).run()
    except (DemoFailed, ProcessDied, WaitedTooLong) as error:
        print(f"\nThe demo failed: {error}\nThe logs are in {directory}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
