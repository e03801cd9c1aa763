"""Bad input over HTTP, as tables: each field of each endpoint wrong in type, range, size and encoding.

Every case runs on both kinds of hub. The answers' envelope is checked by the client of `conftest.py`; here it is the
status, and that the message starts with the field's name and says what it takes. At the end the hub must still serve.
"""

import http.client
import json
import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from hub.model.bodies import TAKES
from tests.kit.raw import PASSWORD, Answer, Client, RawAgent, User, changed_token, good_order
from tests.services.waiting import wait_until

DEEP = b"[" * 20_000 + b"]" * 20_000
LONG = b'"' + b"x" * 3_000 + b'"'

NOT_JSON_VALUES: dict[str, bytes] = {
    "bad UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00x"',
    "nothing": b"",
    "NaN": b"NaN",
    "single quotes": b"'x'",
    "a raw control character": b'"\x01"',
}

CUT_TEXTS = ("bad UTF-8", "overlong UTF-8", "a lone high surrogate", "a lone low surrogate")

NO_TEXT: dict[str, bytes] = {
    "a number": b"5",
    "a float": b"1.5",
    "true": b"true",
    "null": b"null",
    "a list": b'["x"]',
    "an object": b'{"a":1}',
    "huge nesting": DEEP,
}
BAD_TEXT: dict[str, bytes] = NO_TEXT | {
    "empty": b'""',
    "NUL": b'"BTC\\u0000USDT"',
    "emoji": '"🚀🚀🚀🚀🚀"'.encode(),
    "right to left": '"\u202eTDSUCTB"'.encode(),
    "too long": LONG,
}
BAD_NUMBER: dict[str, bytes] = {
    "text": b'"5"',
    "a float": b"5.0",
    "an exponent": b"1e2",
    "true": b"true",
    "null": b"null",
    "a list": b"[5]",
    "an object": b"{}",
    "zero": b"0",
    "negative": b"-1",
    "over 32 bits": b"4294967296",
    "over 63 bits": b"9223372036854775808",
    "over 64 bits": b"18446744073709551616",
    "a hundred digits": b"1" + b"0" * 100,
}


def _without(cases: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: value for name, value in cases.items() if name not in names}


NAME = _without(BAD_TEXT) | {"two letters": b'"ab"', "a space": b'"a b c"', "fifty-one": b'"' + b"a" * 51 + b'"'}
NEW_PASSWORD = _without(BAD_TEXT, "NUL", "emoji", "right to left") | {"seven": b'"1234567"'}
EXPIRY = _without(BAD_TEXT, "null") | {
    "a date": b'"2030-01-01"',
    "no offset": b'"2030-01-01T00:00:00"',
    "month 13": b'"2030-13-01 00:00:00"',
    "before 1970": b'"1969-12-31 23:59:59"',
    "year 1": b'"0001-01-01 00:00:00"',
    "year 10000": b'"10000-01-01 00:00:00"',
    "the last microsecond": b'"9999-12-31T23:59:59.999999+00:00"',
    "after the last day": b'"9999-12-31T23:59:59-12:00"',
}
DEVICE = _without(BAD_TEXT, "null") | {"a comma": b'"a,b"', "a newline": b'"a\\n"', "65": b'"' + b"d" * 65 + b'"'}
TARGETS = {
    "text": b'"ann"',
    "a number": b"1",
    "an object": b"{}",
    "empty": b"[]",
    "true inside": b"[true]",
    "a float inside": b"[1.5]",
    "null inside": b"[null]",
    "a list inside": b"[[1]]",
    "too many": b"[" + b"1," * 10_000 + b"1]",
    "nobody": b'["nobody-of-that-name"]',
    "no such id": b"[987654321]",
    "a negative id": b"[-1]",
    "over 63 bits": b"[9223372036854775808]",
    "over 64 bits": b"[99999999999999999999999]",
    "NUL": b'["\\u0000"]',
    "emoji": '["🚀"]'.encode(),
    "a long name": b"[" + LONG + b"]",
}
RESULT = {"text": b'"ok"', "a list": b"[]", "null": b"null", "a number": b"1", "true": b"true", "huge nesting": DEEP}
RESULT_FIELDS: dict[str, dict[str, bytes]] = {
    "success": {"text": b'"true"', "one": b"1", "null": b"null", "a list": b"[]", "absent": b""},
    "message": NO_TEXT | {"too long": LONG},
    "data": {"text": b'"x"', "a list": b"[]", "a number": b"1", "true": b"true"},
    "outcome": _without(BAD_TEXT, "null") | {"another word": b'"done"', "capitals": b'"SUCCESS"'},
    "executed_ms": _without(BAD_NUMBER, "zero", "null", "over 32 bits"),
}

Fields = dict[str, dict[str, bytes]]
ORDER_FIELDS: Fields = {
    "time_increments": BAD_TEXT | {"lower case": b'"ten_minute"'},
    "symbol_name": BAD_TEXT | {"four": b'"BTCU"', "lower case": b'"btcusdt"', "newline": b'"BTCUSDT\\n"'},
    "direction": BAD_TEXT | {"lower case": b'"long"'},
    "valid_duration": BAD_NUMBER | {"a day and a second": b"86401"},
    "targets": TARGETS,
}
ENDPOINTS: dict[str, tuple[str, str, Fields]] = {
    "login": ("POST", "/api/auth/login", {"username": NO_TEXT, "password": NO_TEXT, "device_id": DEVICE}),
    "create order": ("POST", "/api/orders/create", ORDER_FIELDS),
    "cancel": ("POST", "/api/orders/{order}/cancel", {"reason": NO_TEXT | {"too long": LONG}}),
    "mark assigned": ("POST", "/api/orders/mark-assigned", {"order_id": _without(BAD_NUMBER, "over 32 bits")}),
    "record result": (
        "POST",
        "/api/orders/record-result",
        {"order_id": _without(BAD_NUMBER, "over 32 bits"), "result": RESULT},
    ),
    "create user": (
        "POST",
        "/api/admin/users/create",
        {
            "username": NAME,
            "password": NEW_PASSWORD,
            "expire_at": EXPIRY,
            "role": BAD_TEXT | {"another word": b'"root"'},
        },
    ),
    "set expiry": ("PUT", "/api/admin/users/{user}/expire", {"expire_at": EXPIRY}),
    "set status": ("PUT", "/api/admin/users/{user}/status", {"status": BAD_NUMBER | {"four": b"4"}}),
    "set password": ("PUT", "/api/admin/users/{user}/password", {"password": NEW_PASSWORD}),
}
NEEDED: dict[str, tuple[str, ...]] = {
    "login": ("username", "password"),
    "create order": ("time_increments", "symbol_name", "direction", "valid_duration"),
    "cancel": (),
    "mark assigned": ("order_id",),
    "record result": ("order_id", "result"),
    "create user": ("username", "password"),
    "set expiry": ("expire_at",),
    "set status": ("status",),
    "set password": ("password",),
}


class Given:
    """A trader with an order of theirs, and each endpoint's request as it should be."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.user = client.user()
        self.token = client.token(self.user)
        self.order_id = client.publish(self.user)
        self.order = good_order() | {"targets": [self.user.id]}

    def good(self, endpoint: str) -> dict[str, bytes]:
        bodies: dict[str, dict[str, Any]] = {
            "login": {"username": self.user.name, "password": "a wrong password", "device_id": "device-1"},
            "create order": self.order,
            "cancel": {"reason": "x"},
            "mark assigned": {"order_id": self.order_id},
            "record result": {"order_id": self.order_id, "result": {"success": True, "message": "ok", "data": None}},
            "create user": {
                "username": f"n{secrets.token_hex(6)}",
                "password": PASSWORD,
                "expire_at": None,
                "role": "trader",
            },
            "set expiry": {"expire_at": None},
            "set status": {"status": 1},
            "set password": {"password": PASSWORD},
        }
        return {field: json.dumps(value).encode() for field, value in bodies[endpoint].items()}

    def ask(self, endpoint: str, fields: dict[str, bytes]) -> Answer:
        method, path, _ = ENDPOINTS[endpoint]
        is_traders = endpoint in ("mark assigned", "record result")
        path = path.format(order=self.order_id, user=self.user.id)
        return self.client.ask(method, path, body_of(fields), token=self.token if is_traders else "admin")

    def stored(self) -> tuple[int, int, list[Any], list[Any]]:
        users = self.client.ask("GET", "/api/admin/users").data["total"]
        orders = self.client.ask("GET", "/api/orders").data["total"]
        return users, orders, self.client.order(self.order_id)["assignments"], [self.client.account(self.user.name)]


def body_of(fields: dict[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields.items()) + b"}"


@pytest.fixture
def given(client: Client) -> Iterator[Given]:
    """Whatever a test did, the hub must serve an ordinary order after it, and its log must show no bug."""
    before = len(client.hub.log())
    yield Given(client)
    assert_serves(client)
    assert "Traceback" not in client.hub.log()[before:], "the hub logged a bug"


def assert_serves(client: Client) -> None:
    user = client.user()
    token, order_id = client.token(user), client.publish(user)
    pulled = client.ask("GET", "/api/orders/pull", token=token)
    assert pulled.data["order"]["id"] == order_id
    body = {"order_id": order_id, "result": {"success": True, "message": "ok", "data": {"id": "1"}}}
    assert client.ask("POST", "/api/orders/record-result", body, token=token).status == 200
    assert client.order(order_id)["funnel"]["outcomes"]["success"] == 1


def complaint(answer: Answer, status: int, start: str, takes: str = "") -> str:
    """What is wrong with a refusal; nothing when it is as it should be."""
    good = answer.status == status and answer.message.startswith(start) and takes in answer.message
    return "" if good else f"{answer.status} {answer.message[:150]!r}, not {status} {start!r} … {takes!r}"


def assert_no(complaints: dict[str, str]) -> None:
    found = {case: text for case, text in complaints.items() if text}
    assert not found, "\n".join(f"{case}: {text}" for case, text in found.items())


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_field_wrong_is_refused_by_its_name_and_nothing_is_stored(given: Given, endpoint: str) -> None:
    before = given.stored()
    complaints: dict[str, str] = {}
    for field, cases in ENDPOINTS[endpoint][2].items():
        for case, value in cases.items():
            answer = given.ask(endpoint, given.good(endpoint) | {field: value})
            complaints[f"{field}: {case}"] = complaint(answer, 422, field, _taken(endpoint, field, case))
        for case, value in _not_json_values(endpoint).items():
            answer = given.ask(endpoint, given.good(endpoint) | {field: value})
            complaints[f"{field}: {case}"] = not_json(answer, field, case)
    assert_no(complaints)
    assert given.stored() == before


def _not_json_values(endpoint: str) -> dict[str, bytes]:
    """A fact is taken with its text mended; a name or a password is not."""
    is_fact = endpoint == "record result"
    return {case: value for case, value in NOT_JSON_VALUES.items() if not (is_fact and case in CUT_TEXTS)}


def not_json(answer: Answer, field: str, case: str) -> str:
    """400; or 422 where a text of whatever bytes stands for something that is no text."""
    if "UTF-8" in case and answer.status == 422:
        return complaint(answer, 422, field, "got `str`")
    return complaint(answer, 400, "the body is not JSON")


def _taken(endpoint: str, field: str, case: str) -> str:
    if endpoint == "login" and field in ("username", "password"):
        return "takes"
    if field == "expire_at" and case in OUT_OF_RANGE:
        return "takes a time from"
    if field == "targets" and case in NOBODY:
        return "there is no trader"
    return TAKES[field].removeprefix("null or ")


OUT_OF_RANGE = ("before 1970", "year 1", "the last microsecond", "after the last day")
NOBODY = ("nobody", "no such id", "NUL", "emoji")


def test_a_field_that_is_missing_is_named(given: Given) -> None:
    complaints: dict[str, str] = {}
    for endpoint, needed in NEEDED.items():
        for field in needed:
            fields = given.good(endpoint)
            del fields[field]
            complaints[f"{endpoint}: {field}"] = complaint(given.ask(endpoint, fields), 422, field, "takes")
    assert_no(complaints)


def test_a_results_fields_are_named_inside_their_object(given: Given) -> None:
    for field in RESULT_FIELDS:
        _assert_named_inside(given, field)


def _assert_named_inside(given: Given, field: str) -> None:
    good = {"success": b"true", "message": b'"ok"', "data": b"{}"}
    complaints: dict[str, str] = {}
    for case, value in RESULT_FIELDS[field].items():
        fields = good | {field: value}
        if case == "absent":
            del fields[field]
        answer = given.ask("record result", {"order_id": b"1", "result": body_of(fields)})
        complaints[case] = complaint(answer, 422, f"result.{field}", f"takes {TAKES[field]}")
    for case, value in _not_json_values("record result").items():
        answer = given.ask("record result", {"order_id": b"1", "result": body_of(good | {field: value})})
        complaints[case] = not_json(answer, f"result.{field}", case)
    assert_no(complaints)


@pytest.mark.parametrize("case", CUT_TEXTS)
def test_a_result_whose_text_was_cut_in_the_middle_of_a_character_is_recorded(given: Given, case: str) -> None:
    user = given.client.user()
    token, order_id = given.client.token(user), given.client.publish(user)
    given.client.ask("GET", "/api/orders/pull", token=token)
    result = b'{"success":true,"message":%s,"data":{"said":%s}}' % ((NOT_JSON_VALUES[case],) * 2)
    body = b'{"order_id":%d,"result":%s}' % (order_id, result)
    assert given.client.ask("POST", "/api/orders/record-result", body, token=token).status == 200
    assert "\ufffd" in given.client.assignments(order_id)[0]["message"]


BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "the body is not JSON"),
    "spaces": (b"   ", 400, "the body is not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "the body is not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), 400, "the body is not JSON"),
    "a form": (b"username=ann&password=secret", 400, "the body is not JSON"),
    "XML": (b"<a/>", 400, "the body is not JSON"),
    "a trailing comma": (b'{"a":1,}', 400, "the body is not JSON"),
    "a number for a key": (b'{1:"a"}', 400, "the body is not JSON"),
    "huge nesting": (DEEP, 422, "body: takes a JSON object"),
    "huge nesting in an unknown field": (b'{"x":' + DEEP + b"}", 400, "the body is not JSON"),
    "a list": (b"[]", 422, "body: takes a JSON object"),
    "a text": (b'"x"', 422, "body: takes a JSON object"),
    "null": (b"null", 422, "body: takes a JSON object"),
    "one byte too many": (b'{"x":"' + b"y" * (64 * 1024 - 7) + b'"}', 413, "the body is over 65536 bytes"),
    "twice too many": (b" " * 128 * 1024, 413, "the body is over 65536 bytes"),
}


def test_a_body_that_is_no_object(given: Given) -> None:
    for endpoint in ENDPOINTS:
        _assert_no_object(given, endpoint)


def _assert_no_object(given: Given, endpoint: str) -> None:
    method, path, _ = ENDPOINTS[endpoint]
    token = given.token if endpoint in ("mark assigned", "record result") else "admin"
    path = path.format(order=given.order_id, user=given.user.id)
    cases = {case: wanted for case, wanted in BODIES.items() if (endpoint, case) != ("cancel", "empty")}
    assert_no(
        {
            f"{endpoint}: {case}": complaint(given.client.ask(method, path, body, token=token), status, start)
            for case, (body, status, start) in cases.items()
        }
    )


def test_what_follows_the_document_is_refused(given: Given) -> None:
    for more in (b"{}", b"x", b"\x00", b"]"):
        answer = given.client.ask("POST", "/api/orders/create", body_of(given.good("create order")) + more)
        assert_no({str(more): complaint(answer, 400, "the body is not JSON")})


def test_the_largest_body_is_taken(given: Given) -> None:
    fields = given.good("create order")
    room = 64 * 1024 - len(body_of(fields | {"x": b'""'}))
    body = body_of(fields | {"x": b'"' + b"y" * room + b'"'})
    assert len(body) == 64 * 1024
    assert given.client.ask("POST", "/api/orders/create", body).status == 200


def test_what_is_odd_and_harmless_is_taken(given: Given) -> None:
    """Unknown fields, another content type, a key twice (the last counts), any text where text is free."""
    order = json.dumps(good_order() | {"targets": [given.user.id]})[:-1].encode()
    for body in (order + b',"x":[1,{}]}', order + b',"direction":"SHORT"}'):
        headers: dict[str, str | bytes] = {"Content-Type": "text/plain"}
        made = given.client.ask("POST", "/api/orders/create", body, headers=headers)
        assert made.status == 200
    assert given.client.order(made.data["order_id"])["direction"] == "SHORT"
    pulled = given.client.ask("GET", "/api/orders/pull", token=given.token)
    assert pulled.data["order"]["id"] == given.order_id
    message = "下单 🚀 \u202e\u0000 é"
    data = {"\u0000": "🚀", "n": 10**18, "deep": [[[{}]]], "big": 10**40, "f": 1e308}
    result = {"success": True, "message": message, "data": data}
    body = {"order_id": given.order_id, "result": result}
    assert given.client.ask("POST", "/api/orders/record-result", body, token=given.token).status == 200
    assert given.client.order(given.order_id)["assignments"][0]["message"] == message


def test_data_nested_as_deep_as_it_is_taken_can_be_shown_again(given: Given) -> None:
    """Taking and showing happen at different depths of our own stack: what was taken must not break the page."""
    client = given.client
    client.ask("GET", "/api/orders/pull", token=given.token)
    for depth in (30, 500, 800, 900, 930, 950, 970, 990):
        data = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        result = b'{"success":false,"outcome":"unknown","message":"%d","data":%s}' % (depth, data)
        body = b'{"order_id":%d,"result":%s}' % (given.order_id, result)
        status = client.ask("POST", "/api/orders/record-result", body, token=given.token).status
        assert status in (200, 400, 422), depth
        shown = client.order(given.order_id)["assignments"][0]["message"]
        assert (shown == str(depth)) == (status == 200)


PATHS: dict[str, tuple[str, str, int]] = {
    "no such path": ("GET", "/nothing", 404),
    "a path of the file system": ("GET", "/../../etc/passwd", 404),
    "NUL": ("GET", "/api/orders/%00", 404),
    "bad UTF-8": ("GET", "/api/orders/%ff", 404),
    "zero": ("GET", "/api/orders/0", 404),
    "minus one": ("GET", "/api/orders/-1", 404),
    "letters": ("GET", "/api/orders/abc", 404),
    "2^63": ("GET", "/api/orders/9223372036854775808", 404),
    "2^63 - 1": ("GET", "/api/orders/9223372036854775807", 404),
    "a hundred digits": ("GET", "/api/orders/" + "9" * 100, 404),
    "a float": ("GET", "/api/orders/1.0", 404),
    "Arabic digits": ("GET", "/api/orders/%D9%A1", 404),
    "a slash too many": ("GET", "/api/orders/", 404),
    "cancel what is not there": ("POST", "/api/orders/987654321/cancel", 404),
    "cancel 2^63": ("POST", "/api/orders/9223372036854775808/cancel", 404),
    "kick nobody": ("POST", "/api/admin/users/987654321/kick", 404),
    "kick NUL": ("POST", "/api/admin/users/%00/kick", 404),
    "the socket without an upgrade": ("GET", "/ws", 404),
    "GET of login": ("GET", "/api/auth/login", 405),
    "DELETE of an order": ("DELETE", "/api/orders/1", 405),
    "PUT of create": ("PUT", "/api/orders/create", 405),
    "POST of the list": ("POST", "/api/orders", 405),
    "PATCH": ("PATCH", "/api/orders", 405),
}


def test_paths_and_methods(given: Given) -> None:
    assert_no(
        {case: complaint(given.client.ask(method, path), status, "") for case, (method, path, status) in PATHS.items()}
    )


@pytest.mark.parametrize(("what", "body"), [("expire", "expire_at"), ("status", "status"), ("password", "password")])
def test_a_user_who_is_not_there(given: Given, what: str, body: str) -> None:
    value: dict[str, Any] = {"expire_at": None, "status": 1, "password": PASSWORD}
    for user_id in ("987654321", "0", "-1", "abc", "%00", "9223372036854775808"):
        answer = given.client.ask("PUT", f"/api/admin/users/{user_id}/{what}", {body: value[body]})
        assert answer.status == 404, (user_id, answer)


QUERIES: dict[str, tuple[str, str]] = {
    "page zero": ("page=0", "page: takes a whole number"),
    "page minus one": ("page=-1", "page: takes a whole number"),
    "page of letters": ("page=abc", "page: takes a whole number"),
    "page of nothing": ("page=", "page: takes a whole number"),
    "page of a float": ("page=1.0", "page: takes a whole number"),
    "page over 63 bits": ("page=9223372036854775808", "page: takes a whole number"),
    "page of NUL": ("page=%00", "page: takes a whole number"),
    "page of bad UTF-8": ("page=%ff", "page: takes a whole number"),
    "page of wide digits": ("page=%EF%BC%91", "page: takes a whole number"),
    "a size of zero": ("page_size=0", "page_size: takes a whole number"),
    "a size too large": ("page_size=501", "page_size: takes a whole number"),
    "a size with a plus": ("page_size=%2B5", "page_size: takes a whole number"),
}


@pytest.mark.parametrize("path", ["/api/orders", "/api/admin/users"])
def test_query_parameters(given: Given, path: str) -> None:
    complaints = {
        case: complaint(given.client.ask("GET", f"{path}?{query}"), 422, start)
        for case, (query, start) in QUERIES.items()
    }
    assert_no(complaints)
    assert given.client.ask("GET", f"{path}?page=1000000000&page_size=500").data["list"] == []
    assert given.client.ask("GET", f"{path}?page=1&&x=%ff&=;").status == 200


def test_a_status_filter_and_a_name_filter(given: Given) -> None:
    for status in ("0", "5", "x", "", "1e0"):
        answer = given.client.ask("GET", f"/api/orders?status={status}")
        assert_no({status: complaint(answer, 422, "status: takes a whole number")})
    for name in ("%00", "%ff", "%F0%9F%9A%80", "'%20OR%201=1", "x" * 5_000):
        assert given.client.ask("GET", f"/api/admin/users?username={name}").data["list"] == []


KEYS: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 422),
    "129": (b"k" * 129, 422),
    "128": (b"k" * 100, 200),
    "a tab inside": (b"a\tb", 422),
    "bytes over 127": (b"cl\xe9", 200),
    "UTF-8": ("下单".encode(), 422),
}


def test_idempotency_keys(given: Given) -> None:
    complaints = {}
    for case, (key, status) in KEYS.items():
        unique = key + secrets.token_hex(8).encode() if status == 200 else key
        headers: dict[str, str | bytes] = {"Idempotency-Key": unique}
        answer = given.client.ask("POST", "/api/orders/create", given.order, headers=headers)
        complaints[case] = complaint(answer, status, "Idempotency-Key: takes" if status == 422 else "success")
    assert_no(complaints)


def test_a_key_gives_its_first_order_again_and_no_other_one(given: Given) -> None:
    headers: dict[str, str | bytes] = {"Idempotency-Key": secrets.token_hex(16)}
    first = given.client.ask("POST", "/api/orders/create", given.order, headers=headers)
    again = given.client.ask("POST", "/api/orders/create", given.order, headers=headers)
    assert first.data == again.data
    other = given.client.ask("POST", "/api/orders/create", given.order | {"valid_duration": 299}, headers=headers)
    assert_no({"another order": complaint(other, 409, "Idempotency-Key")})


def test_a_name_that_is_taken_is_a_conflict(given: Given) -> None:
    body = {"username": given.user.name, "password": PASSWORD}
    assert_no({"again": complaint(given.client.ask("POST", "/api/admin/users/create", body), 409, "username")})
    assert (
        given.client.ask("POST", "/api/admin/users/create", body | {"username": given.user.name.upper()}).status == 200
    )


CLAIMS = {"sub": "1", "jti": "x", "exp": 9e9}
NO_TOKENS: dict[str, bytes] = {
    "empty": b"",
    "another scheme": b"Basic dXNlcjpwYXNz",
    "no token": b"Bearer",
    "a space for a token": b"Bearer  ",
    "a word": b"Bearer x",
    "bytes over 127": b"Bearer \xff\xfe\xe9",
    "UTF-8": "Bearer 下单🚀".encode(),
    "dots": b"Bearer ...",
    "a long word": b"Bearer " + b"a" * 10_000,
    "a header that is no JSON": b"Bearer e30.e30.e30",
    "no algorithm": b"Bearer " + jwt.encode(CLAIMS, None, algorithm="none").encode(),
    "somebody else's key": b"Bearer " + jwt.encode(CLAIMS, "k" * 32).encode(),
}
WHO: dict[str, tuple[str, str]] = {
    "verify": ("GET", "/api/auth/verify"),
    "logout": ("POST", "/api/auth/logout"),
    "heartbeat": ("POST", "/api/auth/heartbeat"),
    "orders": ("GET", "/api/orders"),
    "create order": ("POST", "/api/orders/create"),
    "one order": ("GET", "/api/orders/1"),
    "cancel": ("POST", "/api/orders/1/cancel"),
    "pull": ("GET", "/api/orders/pull"),
    "mark assigned": ("POST", "/api/orders/mark-assigned"),
    "record result": ("POST", "/api/orders/record-result"),
    "users": ("GET", "/api/admin/users"),
    "create user": ("POST", "/api/admin/users/create"),
    "expire": ("PUT", "/api/admin/users/1/expire"),
    "status": ("PUT", "/api/admin/users/1/status"),
    "password": ("PUT", "/api/admin/users/1/password"),
    "kick": ("POST", "/api/admin/users/1/kick"),
    "agents": ("GET", "/api/admin/agents"),
}


def test_nobody_comes_in_without_a_good_token(given: Given) -> None:
    tampered = given.token[:-2] + ("AA" if not given.token.endswith("AA") else "BB")
    cases: dict[str, bytes] = NO_TOKENS | {"tampered": f"Bearer {tampered}".encode()}
    complaints: dict[str, str] = {}
    for endpoint, (method, path) in WHO.items():
        none = given.client.ask(method, path, b"{", token=None)
        complaints[f"{endpoint}: no header"] = complaint(none, 401, "takes an Authorization header")
        for case, header in cases.items():
            answer = given.client.ask(method, path, b"{", headers={"Authorization": header})
            complaints[f"{endpoint}: {case}"] = complaint(answer, 401, "")
            assert answer.headers["www-authenticate"] == "Bearer"
    assert_no(complaints)


def test_the_wrong_role_stays_outside(given: Given) -> None:
    admins = {"the bootstrap token": "admin", "an admin": given.client.token(given.client.user(role="admin"))}
    body = {"order_id": given.order_id, "result": {"success": True}}
    complaints: dict[str, str] = {}
    for endpoint, (method, path) in WHO.items():
        if endpoint in ("verify", "logout"):
            continue
        is_traders = endpoint in ("heartbeat", "pull", "mark assigned", "record result")
        for who, token in (admins if is_traders else {"a trader": given.token}).items():
            answer = given.client.ask(method, path, body, token=token)
            complaints[f"{endpoint}: {who}"] = complaint(answer, 403, "for")
    assert_no(complaints)


def test_orders_of_others_are_not_told_from_none(given: Given) -> None:
    other = given.client.token(given.client.user())
    for order_id in (given.order_id, 987654321, 2**63 - 1):
        body = {"order_id": order_id, "result": {"success": True, "message": "", "data": None}}
        for path in ("record-result", "mark-assigned"):
            answer = given.client.ask("POST", f"/api/orders/{path}", body, token=other)
            assert_no({f"{path} {order_id}": complaint(answer, 404, "order_id")})
    assert given.client.order(given.order_id)["assignments"] == []


def test_times_of_a_result_are_kept_within_the_orders_life(given: Given) -> None:
    given.client.ask("GET", "/api/orders/pull", token=given.token)
    created = given.client.order(given.order_id)["created_ms"]
    for executed_ms in (0, 2**53 - 1):
        result = {"success": True, "outcome": "unknown", "executed_ms": executed_ms}
        body = {"order_id": given.order_id, "result": result}
        assert given.client.ask("POST", "/api/orders/record-result", body, token=given.token).status == 200
        shown = given.client.order(given.order_id)["assignments"][0]["executed_ms"]
        assert created <= shown <= created + 600_000


def test_too_many_wrong_passwords(given: Given) -> None:
    """Some a minute from strangers; whoever comes from a device that has logged in before comes in."""
    stranger = given.client.user()
    answers = [given.client.login(stranger, password="a wrong password") for _ in range(15)]
    wrong = [answer.status for answer in answers].count(401)
    assert 6 <= wrong <= 12
    assert [answer.status for answer in answers] == [401] * wrong + [429] * (15 - wrong)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert given.client.login(stranger).status == 429
    assert given.client.login(given.user).status == 200


def test_wrong_tries_of_strangers_do_not_shut_out_a_known_device(given: Given) -> None:
    user = given.client.user()
    given.client.token(user, "device-of-its-own")
    for number in range(15):
        given.client.login(user, f"device-{number}", password="a wrong password")
    assert given.client.login(user, "a-new-device").status == 429
    assert given.client.login(user, "device-of-its-own").status == 200


def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(given: Given) -> None:
    wrong = given.client.login(given.user, password="a wrong password")
    for name in ("nobody", "", "\u0000", "🚀", "\u202eann", given.user.name + " ", "x" * 200, "' OR 1=1 --"):
        answer = given.client.login(User(0, name))
        assert (answer.status, answer.message) == (401, wrong.message), name


def raw(client: Client, request: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", client.hub.port), timeout=20) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def head(client: Client, path: str, *lines: str) -> bytes:
    return "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: hub", f"Authorization: Bearer {client.hub.admin_token}", *lines, "", ""]
    ).encode()


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/orders/create", "/api/orders/1/cancel"])
def test_a_chunked_body_over_the_limit_is_refused_before_its_end(given: Given, path: str) -> None:
    path = path.replace("1", str(given.order_id))
    chunk = b"10001\r\n" + b" " * 0x10001 + b"\r\n"
    status, body = raw(given.client, head(given.client, path, "Transfer-Encoding: chunked") + chunk)
    assert status == json.loads(body)["code"] == 413


def test_a_body_that_never_ends_is_nobodys_bug(given: Given) -> None:
    """The client goes in the middle of its body: no trace in the log (the given looks)."""
    before = given.stored()
    for path in ("/api/auth/login", "/api/orders/create", f"/api/orders/{given.order_id}/cancel"):
        with socket.create_connection(("127.0.0.1", given.client.hub.port), timeout=20) as connection:
            connection.sendall(head(given.client, path, "Content-Length: 100") + b'{"a":')
    wait_until(lambda: given.stored() == before, "the hub is as it was")


def test_bytes_that_are_no_http(given: Given) -> None:
    for request in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 50 + b"\x00\r\n\r\n",
    ):
        assert raw(given.client, request)[0] == 400, request


def test_a_connected_agent_feels_nothing_of_it(given: Given, agents: Callable[..., RawAgent]) -> None:
    agent = agents(given.client, given.token)
    agent.hello(have=[])
    agent.hear("order")
    for body, _, _ in BODIES.values():
        given.client.ask("POST", "/api/orders/create", body)
        assert agent.is_served()
    order_id = given.client.publish(given.user)
    assert agent.hear("order")["order"]["id"] == order_id


def test_a_token_of_ours_with_another_expiry_runs_out(given: Given) -> None:
    claims = changed_token(given.token, exp=1.0)
    late = jwt.encode(claims, given.client.hub.settings.jwt_secret)
    assert given.client.ask("GET", "/api/auth/verify", token=late).status == 401
    assert given.client.ask("GET", "/api/auth/verify", token=given.token).status == 200
