"""Reasons: a code with its facts, and the sentence that is made of them."""

import string

import pytest

from agent.model.reasons import TEMPLATES, Reason


@pytest.mark.parametrize("code", sorted(TEMPLATES))
def test_every_template_says_its_facts(code: str) -> None:
    names = [name for _text, name, _spec, _conversion in string.Formatter().parse(TEMPLATES[code]) if name]
    text = Reason(code, {name: f"<{name}>" for name in names}).text()
    assert all(f"<{name}>" in text for name in names)
    assert "{" not in text


def test_the_sentence_is_made_in_the_readers_language() -> None:
    reason = Reason("limit.max_stake", {"stake": "7", "max": "5"})
    assert reason.text(lambda text: {"stake {stake} is over the maximum of {max}": "{max} < {stake}"}[text]) == "5 < 7"


def test_a_code_that_is_not_known_and_a_fact_that_is_missing_still_show() -> None:
    assert Reason("of.tomorrow", {"why": "new"}).text() == "of.tomorrow: why=new"
    assert Reason("of.tomorrow").text() == "of.tomorrow"
    assert Reason("halted").text() == "halted: {reason}"


def test_what_others_wrote_is_never_read_as_a_template() -> None:
    assert Reason("halted", {"reason": "{reason.__class__} {0}"}).text() == "halted: {reason.__class__} {0}"


def test_a_sentence_fits_into_a_message() -> None:
    assert len(Reason("hub.said", {"said": "x" * 9_000}).text()) == 2_000
