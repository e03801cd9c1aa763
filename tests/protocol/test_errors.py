"""The codes of `error` say what becomes of a report; the page and the table agree."""

from protocol.errors import ERRORS, error_for
from tests.protocol.test_readme import table_under

SAID_OF_REPORTS = {"over": "drop the report", "again": "repeat the result"}


def test_the_page_has_each_code_with_what_to_do() -> None:
    rows = {name.strip("`"): what for name, _, what in table_under("### The codes of `error`", 3)}
    assert list(rows) == list(ERRORS)
    for name, code in ERRORS.items():
        for report, words in SAID_OF_REPORTS.items():
            assert (words in rows[name]) == (code.report == report), name


def test_a_code_that_is_not_ours_answers_no_report() -> None:
    assert error_for("SOMETHING_NEWER").report == "none"
