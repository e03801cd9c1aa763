"""A real agent that trades live on the stand-in, with the other commands of the same person."""

import json
from typing import Any

from typer.testing import CliRunner

from agent.cli.commands import app

from .cli.test_headless import SlowAgent


class LiveAgent(SlowAgent):
    """The passphrase of its vault is in the file `passphrase` beside its directory."""

    exchange = ""

    def environment(self) -> dict[str, str]:
        phrase = self.directory.parent / "passphrase"
        named = {"AGENT_BINANCE_URL": self.exchange, "AGENT_BINANCE_ACCOUNTS_URL": self.exchange}
        data = {"AGENT_DATA_DIR": str(self.data_dir), "AGENT_SERVER_URL": self.server}
        return {**super().environment(), **named, **data, "AGENT_VAULT_PASSPHRASE_FILE": str(phrase)}

    def says(self, *arguments: str, typed: str = "") -> str:
        """All that a command writes."""
        done = CliRunner().invoke(app, (*arguments, "--user", self.user), input=typed, env=self.environment())
        assert done.exit_code == 0, done.output
        return done.output

    def gets_ready(self, session: dict[str, Any], **limits: str) -> list[str]:
        """Binds the session, sets the limits, switches live trading on; what the commands said."""
        return [
            self.says("bind", "--stdin", typed=json.dumps(session)),
            *(self.says("limits", "set", key, value) for key, value in limits.items()),
            self.says("live", "on", typed="TRADE LIVE\n"),
        ]
