"""What the commands share: which vault asks whom, and how often."""

from pathlib import Path
from typing import Any

import pytest

from agent.cli import options
from agent.cli.options import vault_of_agent
from agent.config import Settings
from agent.vault import FileVault, VaultUnavailable


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bool]:
    """A file that wants a passphrase, and each time that a person at the terminal was asked and mistyped it."""
    FileVault(tmp_path / "vault", lambda _is_new: "right").put("hub/alice", "exchange_session", "kept")
    asked: list[bool] = []

    def mistyped(is_new: bool) -> str:
        asked.append(is_new)
        return "wrong"

    monkeypatch.setattr(options, "passphrase", mistyped)
    return asked


def config(tmp_path: Path, driver: str) -> Settings:
    given: dict[str, Any] = {"data_dir": tmp_path, "driver": driver}
    return Settings(**given)


def test_an_agent_that_runs_asks_for_the_passphrase_once(tmp_path: Path, asked: list[bool]) -> None:
    vault = vault_of_agent(config(tmp_path, "binance-web"))
    with pytest.raises(VaultUnavailable, match="does not open"):
        vault.unlock()
    for _minute in range(3):
        with pytest.raises(VaultUnavailable, match="start the agent again"):
            vault.get("hub/alice", "exchange_session")
    assert asked == [False]


def test_on_paper_nobody_is_asked_and_one_sentence_says_where_the_login_is(
    tmp_path: Path, asked: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    vault = vault_of_agent(config(tmp_path, "paper"))
    assert vault.get("hub/alice", "exchange_session") is None
    vault.put("hub/alice", "hub_token", "s3cret")
    vault.put("hub/alice", "hub_token", "s3cret too")
    assert vault.get("hub/alice", "hub_token") == "s3cret too"
    assert asked == []
    said = capsys.readouterr().err
    assert said.count("in memory only") == 1
    assert "s3cret" not in said
