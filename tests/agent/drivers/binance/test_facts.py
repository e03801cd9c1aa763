"""The facts as data: what a file may replace, and what no file can bring about."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.drivers.binance.facts import Facts, FactsBroken, load


def written(folder: Path, facts: dict[str, Any]) -> Path:
    file = folder / "binance-web.json"
    file.write_text(json.dumps(facts))
    return file


def test_without_a_file_they_are_those_of_this_version(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == Facts()


def test_a_file_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    facts = load(written(tmp_path, {"paths": {"place_order": "/v3/place"}, "codes": {"refused": ["1", "2"]}}))
    assert facts.paths.place_order == "/v3/place"
    assert facts.codes.refused == ("1", "2")
    assert facts.paths.user == Facts().paths.user


def test_fixed_headers_are_added_to_not_replaced(tmp_path: Path) -> None:
    facts = load(written(tmp_path, {"headers": {"fixed": {"versioncode": "web"}}}))
    assert facts.headers.fixed == {"clienttype": "web", "versioncode": "web"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"paths": {"plase_order": "/x"}}, "plase_order"),
        ({"pathes": {}}, "pathes"),
        ({"paths": {"place_order": 1}}, r"\$\.paths\.place_order"),
        ({"paths": {"place_order": "x"}}, "place_order starts with a /"),
        ({"urls": {"web": "http://www.binance.com"}}, "plain http goes to this computer only"),
        ({"urls": {"stream": "ws://fstream.binance.com"}}, "plain ws goes to this computer only"),
        ({"urls": {"web": "ftp://www.binance.com"}}, "https://host"),
        ({"urls": {"web": "https://a:b@www.binance.com"}}, "no user"),
        ({"timing": {"answer_s": 0}}, "more than 0"),
    ],
)
def test_what_is_wrong_in_a_file_is_refused_by_name(tmp_path: Path, facts: dict[str, Any], words: str) -> None:
    with pytest.raises(FactsBroken, match=words):
        load(written(tmp_path, facts))


def test_a_file_that_is_no_json_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "binance-web.json"
    file.write_text("{")
    with pytest.raises(FactsBroken, match=r"binance-web\.json"):
        load(file)


def test_an_exchange_on_this_computer_keeps_everything_on_this_computer() -> None:
    urls = load(None, web="http://127.0.0.1:8100/").urls
    assert urls.web == urls.accounts == urls.futures == urls.keys == "http://127.0.0.1:8100"
    assert urls.stream == "ws://127.0.0.1:8100"


def test_a_default_is_no_choice_that_would_lead_off_this_computer() -> None:
    usual = Facts().urls
    urls = load(None, "http://127.0.0.1:8100", usual.accounts, usual.stream).urls
    assert (urls.accounts, urls.stream) == ("http://127.0.0.1:8100", "ws://127.0.0.1:8100")


def test_a_file_that_names_an_address_is_not_overruled_by_a_default(tmp_path: Path) -> None:
    usual = Facts().urls
    file = written(tmp_path, {"urls": {"web": "https://www.binance.example"}})
    assert load(file, usual.web, usual.accounts, usual.stream).urls.web == "https://www.binance.example"


def test_each_setting_replaces_its_address() -> None:
    urls = load(None, web="https://a.example", accounts="https://b.example", stream="wss://c.example").urls
    assert (urls.web, urls.accounts, urls.stream) == ("https://a.example", "https://b.example", "wss://c.example")
    assert urls.futures == Facts().urls.futures
