"""An agent from `protocol/README.md` alone: `foreign_agent.py URL USER FOLDER < password`. Its exchange is a file."""

import json
import sqlite3
import sys
from contextlib import suppress
from http.client import HTTPConnection
from random import uniform
from time import monotonic, sleep, time
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

EXCHANGE = {"BTCUSDT": "success", "ETHUSDT": "failed", "BNBUSDT": "unknown"}  # what its limits let through: the answer
ENDS = {400, 401, 403, 413, 422, 1000, 4000, 4001, 4002, 4003, 4004}
HOST, USER, FOLDER = sys.argv[1].removeprefix("http://"), sys.argv[2], sys.argv[3]


def post(path: str, body: dict[str, Any], token: str = "") -> tuple[int, Any, float]:
    try:
        door = HTTPConnection(HOST, timeout=10)
        door.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {token}"} if token else {})
        answer = door.getresponse()
        return answer.status, json.loads(answer.read()).get("data"), float(answer.headers.get("Retry-After", 0))
    except (OSError, ValueError):
        return 503, None, 0


class Agent:
    def __init__(self) -> None:
        self.db = sqlite3.connect(f"{FOLDER}/journal", isolation_level=None)
        self.db.execute("CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, book TEXT)")
        new = {"device": str(uuid4()), "journal": uuid4().hex, "start": None, "halt": 0, "halted": False, "orders": {}}
        kept = self.db.execute("SELECT book FROM journal").fetchone() or [json.dumps(new)]
        self.book: dict[str, Any] = json.loads(kept[0])
        self.previous, self.book["start"], self.orders = self.book["start"], uuid4().hex, self.book["orders"]
        for entry in self.orders.values():
            entry["outcome"] = entry["outcome"].replace("submitting", "unknown")
        self.save()

    def save(self) -> None:
        self.db.execute("REPLACE INTO journal VALUES (1, ?)", [json.dumps(self.book)])

    def say(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind} | fields))

    def now_ms(self) -> int:
        return round(time() * 1000 + self.offset)

    def consider(self, number: str, entry: dict[str, Any]) -> str:
        if entry["symbol"] not in EXCHANGE or entry["cancelled"] or self.book["halted"] or self.is_older:
            return "rejected"
        if self.now_ms() + self.doubt >= entry["expires_ms"]:
            return "expired"
        entry |= {"outcome": "submitting", "executed_ms": self.now_ms()}
        self.save()
        with open(f"{FOLDER}/exchange", "a") as exchange:
            exchange.write(f"{number}\n")
        return EXCHANGE[entry["symbol"]]

    def go_on(self) -> None:
        for number, entry in self.orders.items():
            if not entry["outcome"]:
                entry |= {"outcome": self.consider(number, entry), "executed_ms": self.now_ms()}
                self.save()
            if not entry["reported"] and number not in self.said:
                self.said.add(number)
                self.say("result", order_id=int(number), outcome=entry["outcome"], executed_ms=entry["executed_ms"])

    def hear(self, said: dict[str, Any]) -> None:
        entry = self.orders.get(str(said.get("order_id")), {})
        match said:
            case {"type": "welcome"}:
                halt, newest, self.features = said.get("halt"), said.get("newest_order_id"), said.get("features", [])
                self.offset, self.beat_s = said["hub_time_ms"] - time() * 1000, said["heartbeat_s"]
                self.is_older = newest is not None and newest < max(map(int, self.orders), default=0)
                self.hear({"type": "halt"} | halt if halt else {"type": "resume", "epoch": self.book["halt"]})
            case {"type": "time", "t0_ms": t0, "t1_ms": t1, "t2_ms": t2}:
                self.offset, t3 = ((t1 - t0) + (t2 - time() * 1000)) / 2, time() * 1000
                self.doubt = round((t3 - t0) - (t2 - t1)) // 2 + 2
            case {"type": "order", "order": {"id": order_id, "symbol_name": symbol, "expires_ms": expires_ms}}:
                new = {"symbol": symbol, "expires_ms": expires_ms, "outcome": "", "reported": 0, "cancelled": False}
                self.orders.setdefault(str(order_id), new)
                self.save()
                self.say("ack", order_id=order_id, received_ms=self.now_ms(), uncertainty_ms=self.doubt)
            case {"type": "recorded", "order_id": order_id} if entry:
                entry |= {"reported": 200, "outcome": said.get("outcome") or entry["outcome"]}
                if entry["outcome"] == "success" and "settled" in self.features:
                    self.say("settled", order_id=order_id, result="tie", source="estimated", at_ms=self.now_ms())
            case {"type": "error" | "cancel"} if entry and said.get("code") != "UNAVAILABLE":
                entry |= {"cancelled": True, "reported": said.get("code", entry["reported"])}
            case {"type": "halt" | "resume" as kind, "epoch": epoch} if epoch >= self.book["halt"]:
                self.book |= {"halt": epoch, "halted": kind == "halt"}
                self.say("halted", epoch=epoch) if kind == "halt" else None
        self.is_caught_up |= said.get("type") == ("caught_up" if "caught_up" in self.features else "time")
        self.save()
        self.go_on() if self.is_caught_up else None

    def talk(self) -> None:
        self.offset, self.doubt, self.beat_s, self.is_caught_up, self.said = 0.0, 10_000, 15, False, set[str]()
        me = {"device_id": self.book["device"], "version": "foreign 1", "driver": "a file", "previous": self.previous}
        me |= {"journal": self.book["journal"], "start": self.book["start"], "halt_epoch": self.book["halt"]}
        have = sorted(int(number) for number, entry in self.orders.items() if not entry["reported"])[-5000:]
        self.say("hello", **me, have=have, newest_order_id=max(map(int, self.orders), default=None))
        heard = beaten = monotonic()
        while monotonic() - heard < 2 * self.beat_s:
            with suppress(TimeoutError):
                self.hear(json.loads(self.socket.recv(timeout=1)))
                heard = monotonic()
            if self.offset and (monotonic() - beaten >= self.beat_s or self.doubt == 10_000):
                beaten, self.said = monotonic(), set()
                self.say("time", t0_ms=round(time() * 1000))
        self.socket.close(4006)

    def live(self, password: str) -> int:
        who = {"username": USER, "password": password, "device_id": self.book["device"]}
        token, failures, code, self.features = "", 0, 0, list[str]()
        while True:
            wait_s, since = 0.0, monotonic()
            try:
                if not token:
                    code, data, wait_s = post("/api/auth/login", who)
                    token = data["token"] if code == 200 else ""
                if token:
                    bearer, protocols = {"Authorization": f"Bearer {token}"}, [Subprotocol("bn-auto.v1")]
                    with connect(f"ws://{HOST}/ws", additional_headers=bearer, subprotocols=protocols) as self.socket:
                        self.talk()
            except InvalidStatus as refused:
                code = refused.response.status_code
            except (ConnectionClosed, OSError) as error:
                code = end.code if (end := getattr(error, "rcvd", None)) else 1006
            if code in ENDS:
                break
            sleep(wait_s + uniform(0, min(30, 0.5 * 2**failures)))
            failures = 0 if monotonic() - since > 60 else failures + 1
        for number, entry in self.orders.items():
            while entry["outcome"] and not entry["reported"]:
                body = {"order_id": int(number), "result": entry | {"success": entry["outcome"] == "success"}}
                status, _, wait_s = post("/api/orders/record-result", body, token)
                entry["reported"] = 0 if status == 503 else status
                sleep(wait_s)
        self.save()
        return code


print("ended by", Agent().live(sys.stdin.readline().rstrip("\n")))
