"""The rows: a mapping of which each change makes another, held against a plain dict."""

import random

import msgspec

from agent.ui.rows import GATHERED, Row, Rows
from tests.screenshots import scripted

ROWS = list(scripted(24).rows.values())


def numbered(number: int, template: Row) -> Row:
    return msgspec.structs.replace(template, order=msgspec.structs.replace(template.order, id=number))


def test_after_any_changes_it_is_what_a_dict_would_be_and_knows_what_differs() -> None:
    chance = random.Random(7)
    rows, plain = Rows.of(ROWS), {row.order.id: row for row in ROWS}
    before, before_plain = rows, dict(plain)
    for _change in range(3 * GATHERED):
        row = numbered(chance.randrange(400), chance.choice(ROWS))
        rows, plain = rows.having(row), {**plain, row.order.id: row}
        if chance.random() < 0.1:
            changed = rows.changed_since(before)
            assert changed is not None
            wanted = {order_id: row for order_id, row in plain.items() if before_plain.get(order_id) is not row}
            assert {row.order.id: row for row in changed} == wanted
            assert len(changed) == len(wanted)
            before, before_plain = rows, dict(plain)
    assert list(rows) == list(plain)
    assert dict(rows) == plain
    assert len(rows) == len(plain)
    assert rows.unknown == {order_id: row for order_id, row in plain.items() if row.outcome == "unknown"}


def test_rows_of_another_account_do_not_come_from_these() -> None:
    assert Rows.of(ROWS).changed_since(Rows.of(ROWS)) is None


def test_a_change_leaves_the_rows_before_it_as_they_were() -> None:
    rows = Rows.of(ROWS)
    rows.having(numbered(99, ROWS[0]))
    assert 99 not in rows
    assert len(rows) == len(ROWS)
