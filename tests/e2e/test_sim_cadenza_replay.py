"""What the simulated Cadenza said, written down as collectors do, is said again by ``connector sim
--replay``: the same publications, the same book."""

import itertools
import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from connector.cli import main
from tests.reference.stack import Sim

SYMBOL, OTHER = "BINANCE:BTC/USDT", "OKX:ETH/USDT"
BOOKS = {"seed": "market:orderBook:", "current": "market:orderbook:"}
TRADES = "market:trade:"
BASE = "/api/v3"
PUBLICATIONS = 25


class Collector:
    """A client that writes down what it gets, and publications by their channels."""

    def __init__(self, sim: Sim, profile: str) -> None:
        self.sim, self.token = sim, ""
        who = sim.where["account"]
        login = {"email": who["key"], "password": who["secret"]}
        self.token = self.ask(f"{BASE}/auth/login", login)["data"]["accessToken"]
        self.books = [BOOKS[profile] + symbol for symbol in (SYMBOL, OTHER)]
        self.lines: list[bytes] = []
        self.said: dict[str, list[Any]] = {}
        self._stamps = itertools.count(1_700_000_000_000_000, 1000)
        self._numbers = itertools.count(1)

    def ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self.raw(path, body))

    def raw(self, path: str, body: Any = None) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.sim.where["rest"] + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: bytes = answer.read()
        return found

    def note(self, path: str) -> None:
        """Write an answer of REST down."""
        body = self.raw(path)
        stamp = next(self._stamps)
        url = f"https://host{path} -> {stamp // 10**6}.{stamp % 10**6:06d}: "
        self.lines.append(url.encode() + body)

    def book(self, symbol: str) -> str:
        asked = urllib.parse.quote(symbol, safe="")
        return f"{BASE}/market/orderBook/get?instrumentId={asked}&depth=50"

    def takes(self, quantity: str) -> dict[str, Any]:
        """A buy at the market, when it is done."""
        rows = self.ask(f"{BASE}/tradingAccount/list?venue=BINANCE")["data"]
        (placed,) = self.ask(
            f"{BASE}/tradeOrder/submit",
            {
                "tradingAccountId": rows[0]["tradingAccountId"], "instrumentId": SYMBOL,
                "orderSide": "BUY", "orderType": "MARKET", "quantity": quantity,
                "awaitClosed": True,
            },
        )["data"]  # fmt: skip
        found: dict[str, Any] = placed
        return found

    def collect(self, enough: Callable[[], bool], answer_after: int = 0) -> None:
        """Publications until there are enough; the book is asked for after so many of them."""
        url = self.sim.where["ws"] + "/connection/websocket"
        with connect(url, max_size=None, close_timeout=1) as socket:
            commands: list[dict[str, Any]] = [{"connect": {"token": self.token}}]
            commands += [
                {"subscribe": {"channel": name}}
                for name in (*self.books, *(TRADES + one for one in (SYMBOL, OTHER)))
            ]
            told = [{"id": next(self._numbers)} | command for command in commands]
            socket.send("\n".join(json.dumps(one) for one in told))
            for symbol in (SYMBOL, OTHER):
                path = f"{BASE}/market/subscription/orderBook/subscribe"
                self.ask(path, {"instrumentId": symbol})
            self._hear(socket, enough, answer_after)

    def _hear(self, socket: ClientConnection, enough: Callable[[], bool], after: int) -> None:
        while not enough():
            frame = socket.recv(30, decode=False)
            for line in frame.split(b"\n"):  # of a recording each is one of its own
                self.lines.append(b"%d %s" % (next(self._stamps), line))
                if line == b"{}":
                    socket.send("{}")
                push = json.loads(line).get("push", {})
                if "pub" in push:
                    self.said.setdefault(push["channel"], []).append(push["pub"]["data"])
            if after and self.count() >= after:
                for symbol in (SYMBOL, OTHER):
                    self.note(self.book(symbol))
                after = 0

    def count(self) -> int:
        return len(self.said.get(self.books[0], ()))

    def save(self, path: Path) -> Path:
        path.write_bytes(b"\n".join(self.lines) + b"\n")
        return path


def digest(capsys: Any, path: Path, symbol: str) -> dict[str, Any]:
    assert main(["replay", "--digest", "--venue", "cadenza", "--symbol", symbol, str(path)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    return {name: found[name] for name in ("bid", "ask", "nb", "na", "top20", "full")}


@pytest.mark.parametrize("profile", ["current", "seed"])
def test_what_was_said_is_said_again(profile: str, tmp_path: Path, capsys: Any) -> None:
    symbols = ("--symbols", f"{SYMBOL},{OTHER}", "--no-bursts", "--rate", "50")
    history = ("--history", "300") if profile == "seed" else ()
    with Sim(*symbols, *history, "--profile", profile, venue="cadenza") as sim:
        first = Collector(sim, profile)
        first.note(f"{BASE}/market/instrument/list?limit=1000")
        first.collect(lambda: first.count() >= PUBLICATIONS, answer_after=5)
    recording = first.save(tmp_path / "first")
    with Sim("--replay", str(recording), "--speed", "max", "--settle", "3", venue="cadenza") as sim:
        again = Collector(sim, profile)
        whole = {name: len(rows) for name, rows in first.said.items()}
        again.collect(
            lambda: {name: len(rows) for name, rows in again.said.items()} == whole, answer_after=5
        )
        book = again.ask(again.book(SYMBOL))["data"]
        status = sim.status()["market"]
        listed = again.ask(f"{BASE}/market/instrument/list?limit=1000")["data"]
        taken = again.takes("0.001")
    assert again.said == first.said
    assert (taken["status"], taken["executedPrice"]) == (
        "FILLED",
        f"{float(book['asks'][0][0]):.8f}",
    )
    assert {row["instrumentId"] for row in listed} == {SYMBOL, OTHER}
    assert ("columns" in book) == (profile == "current")
    assert (status["done"], status["messages_sent"]) == (True, sum(whole.values()))
    if profile == "seed":  # every message is a whole book
        last = again.said[again.books[0]][-1]
        assert (book["bids"], book["asks"]) == (last["bids"], last["asks"])
        return
    for symbol in (SYMBOL, OTHER):
        told = digest(capsys, recording, symbol)
        assert digest(capsys, again.save(tmp_path / "again"), symbol) == told
    told = digest(capsys, recording, SYMBOL)
    for side, best in (("bids", "bid"), ("asks", "ask")):
        assert [*map(Decimal, book[side][0])] == [*map(Decimal, told[best])]
    assert (len(book["bids"]), len(book["asks"])) == (told["nb"], told["na"])


def test_a_recording_is_of_one_state_of_the_venue(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "today"
    push = {"channel": f"{BOOKS['current']}{SYMBOL}", "pub": {"data": {"bids": [], "asks": []}}}
    path.write_text(f"1700000000000 {json.dumps({'push': push})}\n")
    replay = ["sim", "--venue", "cadenza", "--replay", str(path)]
    assert main([*replay, "--profile", "seed"]) == 2
    assert "the recording is of 'current'" in capsys.readouterr().err
