"""Folders: one for each hub and user, found again when the address changes, adopted from the first version."""

from decimal import Decimal
from pathlib import Path

import pytest

from agent.model.account import Owner
from agent.model.clock import HubTime
from agent.model.engine import Mode, Submission
from agent.trading.accounts import Accounts, first_kept
from agent.trading.journal import Journal, JournalBroken, JournalBusy
from agent.vault import MemoryVault
from protocol.messages import Order

ALICE = Owner("http://127.0.0.1:8000", "alice")
MOVED = Owner("https://hub.example", "alice")
HUB = "3f9a0c51d2b84e6f"
ORDER = Order(1, "TEN_MINUTE", "BTCUSDT", "LONG", 60, 1_000, 61_000)
SUBMISSION = Submission("paper", Mode.PAPER, Decimal(5), Decimal("0.80"), 1_000, 1_000)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path)


def with_an_order(folder: Path, owner: Owner = ALICE) -> None:
    journal = Journal(folder, owner)
    journal.note_received(ORDER, HubTime(1_000, 1), "paper", Mode.PAPER)
    journal.close()


def ids_in(folder: Path) -> list[int]:
    journal = Journal(folder, mode="read")
    try:
        return [entry.order.id for entry in journal.entries()]
    finally:
        journal.close()


def test_two_users_and_two_hubs_share_nothing(accounts: Accounts, tmp_path: Path) -> None:
    names = ["alice", "Alice", "a/../b", "..", "ALICE", "ali ce"]
    owners = [Owner(server, name) for name in names for server in (ALICE.server, "http://localhost:8000")]
    folders = {accounts.folder(owner) for owner in owners}
    assert len(folders) == len(owners)
    assert all(folder.parent.parent == tmp_path / "accounts" for folder in folders)


def test_a_changed_address_finds_the_same_folder(accounts: Accounts) -> None:
    assert accounts.learn(ALICE.server, HUB)
    with_an_order(accounts.settle_in(ALICE))
    assert accounts.settle_in(MOVED) != accounts.settle_in(ALICE)
    assert accounts.learn(MOVED.server, HUB)
    assert accounts.settle_in(MOVED) == accounts.settle_in(ALICE)
    assert accounts.keys(MOVED) == accounts.keys(ALICE)
    assert accounts.keys(ALICE)[0] == f"{HUB}/alice"
    journal = Journal(accounts.settle_in(MOVED), MOVED)
    assert (len(journal.entries()), journal.owner) == (1, MOVED)
    journal.close()


def test_the_id_is_known_offline_and_is_news_once(accounts: Accounts, tmp_path: Path) -> None:
    assert accounts.learn(ALICE.server, HUB)
    assert not accounts.learn(ALICE.server, HUB)
    assert Accounts(tmp_path).hub_id(ALICE.server) == HUB
    assert not accounts.learn(ALICE.server, None)


@pytest.mark.parametrize(
    "wrong", ["", "..", "../../x", "a/b", "short", ".hidden-hub-id", "x" * 65, "at-0123456789abcdef"]
)
def test_an_id_that_could_lead_astray_is_none(accounts: Accounts, wrong: str) -> None:
    before = accounts.folder(ALICE)
    assert not accounts.learn(ALICE.server, wrong)
    assert accounts.folder(ALICE) == before


def test_what_was_kept_by_address_moves_once_the_hub_tells_its_id(accounts: Accounts) -> None:
    before = accounts.settle_in(ALICE)
    with_an_order(before)
    accounts.learn(ALICE.server, HUB)
    after = accounts.settle_in(ALICE)
    assert ids_in(after) == [1]
    assert not before.exists()
    assert accounts.others(ALICE) == []


@pytest.mark.parametrize("is_known", [False, True], ids=["before the hub's id is known", "after it"])
def test_a_folder_of_the_first_version_is_adopted_with_all_that_is_in_it(
    accounts: Accounts, tmp_path: Path, is_known: bool
) -> None:
    old = tmp_path / "users" / ALICE.slug_of_0_1
    with_an_order(old)
    (old / "paper.db").write_bytes(b"positions")
    if is_known:
        accounts.learn(ALICE.server, HUB)
    new = accounts.settle_in(ALICE)
    assert ids_in(new) == [1]
    assert (new / "paper.db").read_bytes() == b"positions"
    assert accounts.journals() == [new]


def test_a_folder_that_has_no_journal_yet_takes_the_one_of_before(accounts: Accounts, tmp_path: Path) -> None:
    old = tmp_path / "users" / ALICE.slug_of_0_1
    with_an_order(old)
    profile = accounts.folder(ALICE) / "browser"
    profile.mkdir(parents=True)
    assert ids_in(accounts.settle_in(ALICE)) == [1]
    assert profile.exists()
    assert not old.exists()


def test_a_session_bound_before_the_hubs_id_was_known_is_found_after_it_and_after_a_new_address(
    accounts: Accounts,
) -> None:
    vault = MemoryVault()
    vault.put(accounts.keys(ALICE)[0], "exchange_session", "s3cret")
    accounts.learn(ALICE.server, HUB)
    assert first_kept(vault, accounts.keys(ALICE), "exchange_session") == "s3cret"
    accounts.learn(MOVED.server, HUB)
    assert first_kept(vault, accounts.keys(MOVED), "exchange_session") == "s3cret"
    vault.put(accounts.keys(MOVED)[0], "exchange_session", "newer")
    assert first_kept(vault, accounts.keys(ALICE), "exchange_session") == "newer"
    assert first_kept(vault, accounts.keys(Owner(MOVED.server, "bob")), "exchange_session") is None


def test_a_folder_in_use_is_not_moved(accounts: Accounts, tmp_path: Path) -> None:
    old = tmp_path / "users" / ALICE.slug_of_0_1
    running = Journal(old, ALICE)
    with pytest.raises(JournalBusy):
        accounts.settle_in(ALICE)
    running.close()
    assert accounts.settle_in(ALICE).exists()
    assert not old.exists()


def test_a_folder_is_never_moved_onto_another_one(accounts: Accounts, tmp_path: Path) -> None:
    old = tmp_path / "users" / ALICE.slug_of_0_1
    accounts.learn(ALICE.server, HUB)
    with_an_order(accounts.settle_in(ALICE))
    with_an_order(old)
    assert ids_in(accounts.settle_in(ALICE)) == ids_in(old) == [1]
    assert accounts.others(ALICE) == [old]


def test_the_others_are_those_of_this_user_at_this_hub(accounts: Accounts, tmp_path: Path) -> None:
    accounts.learn(ALICE.server, HUB)
    accounts.learn(MOVED.server, HUB)
    mine = tmp_path / "users" / MOVED.slug_of_0_1
    elsewhere = Owner("http://elsewhere:8000", "alice")
    for folder, owner in (
        (mine, MOVED),
        (tmp_path / "users" / Owner(MOVED.server, "bob").slug_of_0_1, Owner(MOVED.server, "bob")),
        (tmp_path / "users" / elsewhere.slug_of_0_1, elsewhere),
        (accounts.folder(ALICE), ALICE),
    ):
        with_an_order(folder, owner)
    assert accounts.others(ALICE) == [mine]


def test_a_damaged_list_of_hubs_is_told_and_not_overwritten(accounts: Accounts, tmp_path: Path) -> None:
    for text in ("{", "[]", '{"http://x": 1}'):
        (tmp_path / "hubs.json").write_text(text)
        with pytest.raises(JournalBroken, match=r"hubs\.json"):
            accounts.settle_in(ALICE)
        assert (tmp_path / "hubs.json").read_text() == text


def test_a_journal_keeps_its_device_whatever_the_address(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ALICE)
    assert journal.device_id("first") == journal.device_id("second") == "first"
    journal.close()
    again = Journal(tmp_path, MOVED)
    assert again.device_id("third") == "first"
    again.close()
    with pytest.raises(JournalBroken, match="alice's"):
        Journal(tmp_path, Owner(MOVED.server, "bob"))
