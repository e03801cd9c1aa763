"""The vault: where a secret may be, and where it never is."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError

from agent.app import build
from agent.link.api import Credentials
from agent.vault import FileVault, ForgivingVault, MemoryVault, Vault, VaultUnavailable, open_vault
from agent.vault.system_keyring import KeyringVault
from tests.agent.hub_on_loopback import HubOnLoopback
from tests.services.process import ROOT
from tests.services.waiting import eventually

MARK = "s3cret-mark-7f1e"
ALICE = "hub-1/alice"
QUICK = 2**10
"""The least cost of a passphrase: these tests are about other things."""


class WorkingKeyring(KeyringBackend):
    """A keyring that keeps its secrets in this process."""

    priority = 9  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


class LockedKeyring(WorkingKeyring):
    """One that looks well until it is used."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"Failed to unlock the collection. {MARK}")


class BrokenKeyring(WorkingKeyring):
    """One that lets another library's errors through."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ConnectionResetError(MARK)


def use_keyring(monkeypatch: pytest.MonkeyPatch, backend: KeyringBackend) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)


def file_vault(path: Path, passphrase: str = "open sesame", cost: int = QUICK) -> FileVault:
    return FileVault(path, lambda _is_new: passphrase, cost)


def nobody(_is_new: bool) -> str:
    raise AssertionError("nobody may be asked")


def test_what_is_kept_in_the_file_is_there_for_the_next_process(tmp_path: Path) -> None:
    first, second = (FileVault(tmp_path / "vault", lambda _is_new: "a phrase") for _ in range(2))
    first.put(ALICE, "hub_token", MARK)
    first.put(ALICE, "exchange_session", "session")
    assert (second.get(ALICE, "hub_token"), second.get("hub-2/alice", "hub_token")) == (MARK, None)
    second.drop(ALICE, "hub_token")
    assert (first.get(ALICE, "hub_token"), first.get(ALICE, "exchange_session")) == (None, "session")


def test_the_file_is_private_and_holds_no_secret_no_passphrase_and_no_name(tmp_path: Path) -> None:
    file_vault(tmp_path / "home" / "vault", "passphrase-mark").put(ALICE, "exchange_session", MARK)
    folder = tmp_path / "home"
    assert sorted(path.name for path in folder.iterdir()) == ["vault", "vault.lock"]
    assert ((folder / "vault").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(mark in content for mark in (MARK.encode(), b"passphrase-mark", b"alice"))


def test_two_files_of_one_passphrase_share_no_key(tmp_path: Path) -> None:
    for name in ("one", "other"):
        file_vault(tmp_path / name).put(ALICE, "hub_token", MARK)
    assert (tmp_path / "one").read_bytes().split(b'"salt"')[1] != (tmp_path / "other").read_bytes().split(b'"salt"')[1]


def test_a_wrong_passphrase_is_told_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    file_vault(path).put(ALICE, "hub_token", MARK)
    before = path.read_bytes()
    wrong = file_vault(path, "open barley")
    for use in (
        lambda: wrong.get(ALICE, "hub_token"),
        lambda: wrong.put(ALICE, "hub_token", "other"),
        lambda: wrong.drop(ALICE, "hub_token"),
    ):
        with pytest.raises(VaultUnavailable, match="does not open"):
            use()
    assert path.read_bytes() == before


def test_a_mistyped_passphrase_can_be_typed_again(tmp_path: Path) -> None:
    file_vault(tmp_path / "vault").put(ALICE, "hub_token", MARK)
    typed = iter(["open barley", "open sesame"])
    vault = FileVault(tmp_path / "vault", lambda _is_new: next(typed), QUICK)
    with pytest.raises(VaultUnavailable):
        vault.get(ALICE, "hub_token")
    assert vault.get(ALICE, "hub_token") == MARK


@pytest.mark.parametrize("place", [10, 40, 90, -3])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, place: int) -> None:
    path = tmp_path / "vault"
    file_vault(path).put(ALICE, "hub_token", MARK)
    content = bytearray(path.read_bytes())
    content[place] = ord("B") if content[place] != ord("B") else ord("C")
    path.write_bytes(content)
    with pytest.raises(VaultUnavailable, match=r"damaged|does not open"):
        file_vault(path).get(ALICE, "hub_token")


def test_a_file_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    file_vault(path).put(ALICE, "hub_token", MARK)
    path.write_bytes(path.read_bytes().replace(b'"n":1024', b'"n":1073741824'))
    with pytest.raises(VaultUnavailable, match="damaged"):
        file_vault(path).get(ALICE, "hub_token")


def test_the_passphrase_is_asked_for_once_and_not_before_it_is_needed(tmp_path: Path) -> None:
    asked: list[bool] = []

    def ask(is_new: bool) -> str:
        asked.append(is_new)
        return "a phrase"

    vault = FileVault(tmp_path / "vault", ask, QUICK)
    assert (vault.get(ALICE, "hub_token"), asked) == (None, [])
    for number in range(3):
        vault.put(ALICE, "hub_token", str(number))
    assert asked == [True]
    assert FileVault(tmp_path / "vault", ask, QUICK).get(ALICE, "hub_token") == "2"
    assert asked == [True, False]


def test_a_file_that_another_process_made_meanwhile_opens_without_another_question(tmp_path: Path) -> None:
    asked: list[bool] = []

    def ask(is_new: bool) -> str:
        asked.append(is_new)
        return "open sesame"

    vault = FileVault(tmp_path / "vault", ask, QUICK)
    vault.unlock()
    file_vault(tmp_path / "vault").put(ALICE, "exchange_session", MARK)
    assert (vault.get(ALICE, "exchange_session"), asked) == (MARK, [True])


@pytest.mark.parametrize("passphrase", ["", None])
def test_without_a_passphrase_nothing_is_written(tmp_path: Path, passphrase: str | None) -> None:
    vault = FileVault(tmp_path / "vault", None if passphrase is None else lambda _is_new: passphrase, QUICK)
    with pytest.raises(VaultUnavailable, match="passphrase"):
        vault.put(ALICE, "hub_token", MARK)
    assert list(tmp_path.iterdir()) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop"]),
        st.integers(0, 1),
        st.sampled_from([ALICE, "hub-1/bob"]),
        st.sampled_from(["hub_token", "exchange_session"]),
        st.text(max_size=20),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_two_vaults_on_one_file_agree_whatever_the_order_of_changes(
    steps: list[tuple[str, int, str, Any, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("vault") / "vault"
    vaults, kept = [file_vault(path), file_vault(path)], MemoryVault()
    for what, which, account, kind, secret in steps:
        vault: Vault
        for vault in (vaults[which], kept):
            if what == "put":
                vault.put(account, kind, secret)
            else:
                vault.drop(account, kind)
        assert all(vault.get(account, kind) == kept.get(account, kind) for vault in vaults)


WRITER = """
import sys
from pathlib import Path
from agent.vault import FileVault
vault = FileVault(Path(sys.argv[1]), lambda is_new: "open sesame", 2**10)
for number in range(int(sys.argv[3])):
    vault.put(f"{sys.argv[2]}/{number}", "hub_token", "x" * 2000)
    print(number, flush=True)
"""


def writer(path: Path, name: str, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(times)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    file_vault(path).put(ALICE, "hub_token", MARK)
    writers = [writer(path, name, 15) for name in ("one", "other")]
    assert [one.wait(60) for one in writers] == [0, 0]
    for one in writers:
        assert one.stdout is not None
        one.stdout.close()
    vault = file_vault(path)
    assert all(vault.get(f"{name}/{number}", "hub_token") for name in ("one", "other") for number in range(15))
    assert vault.get(ALICE, "hub_token") == MARK


def test_a_writer_that_is_killed_leaves_a_whole_file_with_all_that_it_said_it_kept(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    for pause in (1, 3, 7):
        with writer(path, f"run{pause}", 10_000) as one:
            assert one.stdout is not None
            said = [int(one.stdout.readline()) for _ in range(pause)]
            one.send_signal(signal.SIGKILL)
        vault = file_vault(path)
        assert all(vault.get(f"run{pause}/{number}", "hub_token") for number in said)


def test_where_a_keyring_works_it_is_used_and_no_file_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    backend = WorkingKeyring()
    use_keyring(monkeypatch, backend)
    vault = open_vault(tmp_path, None, nobody)
    vault.put(ALICE, "hub_token", MARK)
    assert (vault.get(ALICE, "hub_token"), vault.get(ALICE, "password")) == (MARK, None)
    assert list(backend.kept.values()) == [MARK]
    vault.drop(ALICE, "hub_token")
    vault.drop(ALICE, "hub_token")
    assert (vault.get(ALICE, "hub_token"), list(tmp_path.iterdir())) == (None, [])


def test_a_password_that_version_0_1_0_kept_is_found_until_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backend = WorkingKeyring()
    use_keyring(monkeypatch, backend)
    key, old = "http://127.0.0.1:8000/alice", ("bn-auto", "alice@http://127.0.0.1:8000")
    backend.set_password(*old, MARK)
    vault = open_vault(tmp_path, None, nobody)
    assert (vault.get(key, "password"), vault.get(key, "hub_token")) == (MARK, None)
    assert vault.get("http://127.0.0.1:8001/alice", "password") is None
    vault.put(key, "password", "newer")
    assert (vault.get(key, "password"), list(backend.kept.values())) == ("newer", ["newer"])
    backend.set_password(*old, MARK)
    vault.drop(key, "password")
    assert backend.kept == {}


@pytest.mark.parametrize("backend", [fail.Keyring(), LockedKeyring(), BrokenKeyring()])
def test_where_no_keyring_works_the_file_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: KeyringBackend
) -> None:
    use_keyring(monkeypatch, backend)
    vault = open_vault(tmp_path, None, lambda _is_new: "a phrase")
    vault.put(ALICE, "hub_token", MARK)
    assert vault.get(ALICE, "hub_token") == MARK
    assert vault.place == f"encrypted in {tmp_path / 'vault'}"
    with pytest.raises(VaultUnavailable, match="no keyring works here") as caught:
        KeyringVault().get(ALICE, "hub_token")
    assert MARK not in str(caught.value)


def test_a_passphrase_file_and_a_file_that_exists_go_before_the_keyring(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_keyring(monkeypatch, WorkingKeyring())
    (tmp_path / "phrase").write_text("a phrase\n")
    open_vault(tmp_path, tmp_path / "phrase").put(ALICE, "hub_token", MARK)
    assert open_vault(tmp_path, None, lambda _is_new: "a phrase").get(ALICE, "hub_token") == MARK
    with pytest.raises(VaultUnavailable, match="AGENT_VAULT_PASSPHRASE_FILE"):
        open_vault(tmp_path).get(ALICE, "hub_token")


def test_a_passphrase_file_that_cannot_be_read_says_which(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable, match=r"nowhere cannot be read: No such file"):
        open_vault(tmp_path, tmp_path / "nowhere").put(ALICE, "hub_token", MARK)


def test_paper_with_a_failing_keyring_keeps_in_memory_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_keyring(monkeypatch, LockedKeyring())
    told: list[str] = []
    vault = ForgivingVault(open_vault(tmp_path), told.append)
    assert vault.get(ALICE, "hub_token") is None
    vault.put(ALICE, "hub_token", MARK)
    vault.put(ALICE, "exchange_session", MARK)
    why = "no keyring works here: Failed to unlock the collection"
    assert told == [f"The login is kept in memory only, and is gone when the agent ends ({why})."]
    assert (vault.get(ALICE, "hub_token"), vault.place) == (MARK, "in memory only")
    vault.drop(ALICE, "hub_token")
    assert (vault.get(ALICE, "hub_token"), list(tmp_path.iterdir())) == (None, [])


async def test_the_password_is_dropped_after_the_login(hub: HubOnLoopback, settings: Any) -> None:
    credentials = Credentials("alice", hub.password)
    agent = build(settings(hub.url), credentials)
    running = asyncio.create_task(agent.run())
    try:
        await eventually(lambda: hub.times > 0 or running.done(), "the agent is connected", 10)
        assert credentials.password == ""
    finally:
        agent.stop()
        await running
