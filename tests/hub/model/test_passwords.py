"""Passwords that are tried first, names of several scripts, names that look alike."""

import pytest

from hub.model.names import fault, skeleton
from hub.model.passwords import weakness

WEAK = (
    "password",
    "Password1!",
    "P@ssw0rd2026",
    "12345678",
    "87654321",
    "abcdefghij",
    "aaaaaaaaaaaa",
    "abababababab",
    "abcdabcdabcd",
    "12341234",
    "1qaz2wsx",
    "qwertyuiop",
    "letmein123",
    "WOAINI1314",
    "19870412",
    "ab19870412",
    "test1234",
    "trading2026",
    "annaanna",
    "anna12345678",
    "anna-anna-1",
)
GOOD = (
    "a good password",
    "correct horse",
    "another horse",
    "planning an anniversary",
    "Xk2-f9aQ",
    "4-7tiger-lilies",
    "数不清的星星在天上",
    "anna and the seven dwarfs",
    "Zq7_s1dK0wHm",
)
MIXED = ("аdmin", "admіn", "ann王", "ユΑ", "αdmin", "ﬁnance", "ａｎｎａ", "𝐚𝐧𝐧𝐚")
ONE_SCRIPT = ("anna", "Анна.7", "王小明", "田中さん", "カタカナ漢字", "김철수", "άννα", "ann-müller+1@x.de", "12345")
ALIKE = {
    "admin": ("аdmіn", "Admin", "ADMIN", "adm1n", "adrnin", "αdmin", "ádmin", "ԁmin".replace("ԁ", "aԁ")),
    "boss": ("b0ss", "воѕѕ", "bοss", "BOSS"),
    "vera.w": ("νera.w", "vera.vv"),
}
UNLIKE = {"admin": ("admin2", "badmin", "nimda", "adam"), "boss": ("bosse", "moss")}


@pytest.mark.parametrize("password", WEAK)
def test_what_is_tried_first_is_weak(password: str) -> None:
    assert weakness(password, "Anna") is not None


@pytest.mark.parametrize("password", GOOD)
def test_what_a_person_makes_up_is_taken(password: str) -> None:
    assert weakness(password, "Anna") is None


def test_names_are_of_one_script() -> None:
    assert [name for name in MIXED if fault(name) is None] == []
    assert [(name, fault(name)) for name in ONE_SCRIPT if fault(name) is not None] == []


def test_names_that_look_alike_have_one_skeleton_and_others_have_not() -> None:
    for name, others in ALIKE.items():
        assert [other for other in others if skeleton(other) != skeleton(name)] == []
    for name, others in UNLIKE.items():
        assert [other for other in others if skeleton(other) == skeleton(name)] == []
