"""The demo as a user runs it, with a terminal and without, ended in every way; nothing is left."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.cli import demo as demo_module
from connector.cli._processes import Family
from connector.cli.demo import Demo
from connector.venues.cadenza.sim import LOST
from connector.venues.contract import load
from tests.e2e.stage import ROOT, read_until
from tests.reference.signed_client import Trader
from tests.reference.sim_process import Simulator
from tests.reference.stack import BUSY, eventually

KEYS = [
    "seconds", "frames", "records", "books_live", "books", "gaps", "resyncs", "lapped", "crossed",
    "strategy_events", "frame_to_strategy_ns", "sender_to_strategy_ns", "orders", "fills",
    "cancels", "rejects", "unknown_resolved", "tick_to_trade_ns", "command_to_wire_ns",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo makes its own temporary folder; short, as it has to hold a socket."""
    return tmp_path_factory.mktemp("d")


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DEMO_SECONDS"}
    return {**kept, "TMPDIR": str(folder), "TERM": "xterm", "COLUMNS": "120", **more}


def processes(folder: Path) -> list[str]:
    """The command lines of processes that were started for this folder's demo."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                mine = f"TMPDIR={folder}".encode() in (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mine and "connector" in line and entry.name != str(os.getpid()):
                found.append(line)
    return found


def wait_until_empty(folder: Path, timeout_s: float = 10.0 * BUSY) -> list[str]:
    deadline = time.monotonic() + timeout_s
    while (left := processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def judge(line: str) -> dict[str, Any]:
    """Check what the last line promises."""
    told: dict[str, Any] = json.loads(line)
    assert list(told) == KEYS
    assert told["books"] == told["books_live"] > 0
    assert told["gaps"] >= 1
    assert told["resyncs"] == told["gaps"]
    assert told["lapped"] == told["crossed"] == 0
    assert told["frames"] > 0
    assert told["records"] >= told["strategy_events"] > 0
    for name in KEYS:
        if not name.endswith("_ns"):
            continue
        assert list(told[name]) == ["p50", "p99", "p999"]
        assert 0 < told[name]["p50"] <= told[name]["p99"] <= told[name]["p999"]
    # The sender's way contains the daemon's: it begins earlier and ends at the same moment.
    assert told["sender_to_strategy_ns"]["p50"] > told["frame_to_strategy_ns"]["p50"]
    # A command is written after the frame it answers was read.
    assert told["tick_to_trade_ns"]["p50"] > told["command_to_wire_ns"]["p50"]
    assert told["fills"] > 0
    assert told["orders"] >= told["cancels"] > 0
    assert told["rejects"] == 0
    assert told["unknown_resolved"] >= 1
    return told


def test_without_a_terminal_it_runs_its_seconds_and_tells_all(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector", "demo"],
        env=environ(folder, DEMO_SECONDS="3"), cwd=ROOT, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = judge(done.stdout.splitlines()[-1])
    assert told["seconds"] >= 3
    assert wait_until_empty(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("venue", "books"), [("Phemex", 3), ("Cadenza", 3), ("all", 9)])
def test_another_venue_is_another_name(venue: str, books: int, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector", "demo", "--venue", venue, "--symbols", "3"],
        env=environ(folder, DEMO_SECONDS="4"), cwd=ROOT, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert list(told) == KEYS
    assert told["books"] == told["books_live"] == books
    assert told["resyncs"] == told["gaps"] >= 1, "a lost change was found by a whole book"
    assert told["fills"] > 0
    assert told["rejects"] == told["lapped"] == 0
    assert told["unknown_resolved"] >= books // 3
    assert wait_until_empty(folder) == []


def test_the_venue_says_what_the_demo_tells(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Orders, fills, cancels and positions by the venue's own requests, by another client."""
    with Family(folder) as family:
        demo = Demo(folder, family, [load("binance_usdm")])
        demo.start("3", "100", measured=True)
        assert demo.measure(3) == 0, capfd.readouterr()
        told = judge(capfd.readouterr().out.splitlines()[-1])
        account = demo.sims["binance_usdm"]["account"]
        venue = Simulator(None, demo.sims["binance_usdm"])  # type: ignore[arg-type]
        trader = Trader(venue, account["key"], account["secret"])
        assert trader.ok("GET", "/fapi/v1/openOrders") == []
        positions = {
            row["symbol"]: Decimal(row["positionAmt"])
            for row in trader.ok("GET", "/fapi/v3/positionRisk")
        }
        symbols = [row["symbol"] for row in venue.get("/fapi/v1/exchangeInfo").json()["symbols"]]
        orders = [
            order
            for symbol in symbols
            for order in trader.ok("GET", "/fapi/v1/allOrders", symbol=symbol, limit=1000)
        ]
        fills = {
            symbol: trader.ok("GET", "/fapi/v1/userTrades", symbol=symbol, limit=1000)
            for symbol in symbols
        }
    assert len(orders) == told["orders"]
    assert sum(order["status"] == "CANCELED" for order in orders) == told["cancels"]
    assert len({order["symbol"] for order in orders}) == 2
    assert {order["side"] for order in orders} == {"BUY", "SELL"}
    assert sum(len(each) for each in fills.values()) == told["fills"]
    for symbol, each in fills.items():
        bought = sum(Decimal(one["qty"]) * (1 if one["buyer"] else -1) for one in each)
        assert positions.get(symbol, 0) == bought
    secret = account["secret"].encode()
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written
    assert not any(secret in path.read_bytes() for path in written)


class Sabotaged(Demo):
    """Once the strategy is gone the venue is asked what it did; then somebody else trades on its
    account, and a book is not told on."""

    healing = 5.0
    """Seconds what is wrong is given to come right."""
    orders: list[dict[str, Any]]
    positions: dict[str, Decimal]
    """The strategy's, as the venue has them."""

    def ask(self, path: str, body: dict[str, Any] | None = None, token: str = "") -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.sims["cadenza"]["rest"] + "/api/v3" + path, data, headers
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def _stand_still(self) -> None:
        demo_module.HEAL_S = self.healing
        who = self.sims["cadenza"]["account"]
        login = {"email": who["key"], "password": who["secret"]}
        token = self.ask("/auth/login", login)["accessToken"]
        mine = f"?limit=1000&tradingAccountId={who['trading_account']}"
        self.orders = self.ask(f"/tradeOrder/list{mine}", token=token)
        (portfolio,) = self.ask(f"/tradingAccount/portfolio/list{mine}", token=token)
        self.positions = {
            row["instrumentId"]: Decimal(row["quantity"]) for row in portfolio["positions"]
        }
        order = {
            "tradingAccountId": who["trading_account"], "instrumentId": "BINANCE:BTC/USDT",
            "orderSide": "BUY", "quantity": "0.001",
        }  # fmt: skip
        rests = {"orderType": "LIMIT", "timeInForce": "GTC", "limitPrice": "50000.00"}
        for how in ({"orderType": "MARKET"}, rests):
            self.ask("/tradeOrder/submit", order | how, token)
        (venue,) = self._venues
        drop = {"kind": "drop", "stream": "market:order?ook:BINANCE:ETH/USDT", "count": 0}
        self._ask_venue(venue, "/_sim/faults", json.dumps(drop).encode())
        faults = lambda: self._ask_venue(venue, "/_sim/status")["faults"]  # noqa: E731
        eventually(lambda: faults().get("drop", 0) > LOST + 3, 30)
        super()._stand_still()


def test_what_is_not_as_at_the_venue_in_the_end_is_a_failure(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong book that is called live, a fill nobody told, an order that was left."""
    monkeypatch.setattr(demo_module, "HEAL_S", demo_module.HEAL_S)
    with Family(folder) as family:
        demo = Sabotaged(folder, family, [load("cadenza")])
        demo.start("3", "100", measured=True)
        assert demo.measure(3) == 1
    told, said = capfd.readouterr()
    summary = json.loads(told.splitlines()[-1])
    assert len(demo.orders) == summary["orders"]
    ends = [row["status"] for row in demo.orders]
    assert ends.count("CANCELLED") == summary["cancels"]
    assert {"CANCELLED", "FILLED"} >= set(ends)
    # Executions of one message are one fill here.
    assert 0 < summary["fills"] <= sum(len(row["executions"]) for row in demo.orders)
    bought: dict[str, Decimal] = {}
    for row in demo.orders:
        quantity = Decimal(row["executedQuantity"]) * (1 if row["orderSide"] == "BUY" else -1)
        bought[row["instrumentId"]] = bought.get(row["instrumentId"], Decimal(0)) + quantity
    assert {symbol: qty for symbol, qty in bought.items() if qty} == demo.positions
    assert "1 orders are still open at Cadenza" in said
    assert "the fills add up to" in said
    assert "the book of BINANCE:ETH/USDT is not the venue's" in said
    assert "the book of BINANCE:BTC/USDT" not in said


@pytest.fixture
def terminal(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The demo on a terminal of its own, as soon as its view has been drawn."""
    main, other = pty.openpty()
    demo = subprocess.Popen(
        [sys.executable, "-m", "connector", "demo", "--symbols", "2"],
        env=environ(folder), cwd=ROOT, stdin=other, stdout=other, stderr=other,
        start_new_session=True,
    )  # fmt: skip
    os.close(other)
    try:
        read_until(main, b"books live", 60 * BUSY)
        yield demo, main
    finally:
        demo.kill()
        demo.wait()
        os.close(main)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_on_a_terminal_it_shows_the_view_until_it_is_ended(
    folder: Path, terminal: tuple[subprocess.Popen[bytes], int], number: int, code: int
) -> None:
    demo, main = terminal
    assert b"BTCUSDT" in read_until(main, b"BTCUSDT", 10 * BUSY)
    assert len(processes(folder)) == 4
    if number is signal.SIGINT:  # in the middle of the gap, which then has its time to heal
        read_until(main, b"recovers", 30 * BUSY)
    os.killpg(demo.pid, number)
    read_until(main, b"no such words: to the end", 20 * BUSY)
    assert demo.wait(20 * BUSY) == code
    assert wait_until_empty(folder) == []


def test_a_process_that_dies_ends_the_demo_with_its_words(folder: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "connector", "demo", "--seconds", "60", "--symbols", "1"],
        env=environ(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout is not None
    assert "running" in demo.stdout.readline()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(demo.pid):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"sim" in words and any(str(folder).encode() in word for word in words):
                os.kill(int(entry.name), signal.SIGKILL)
    _, said = demo.communicate(timeout=100)
    assert demo.returncode == 1
    assert "sim-binance_usdm ended with status -9" in said
    assert wait_until_empty(folder) == []


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan"])
def test_a_wrong_time_is_usage(folder: Path, text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector", "demo", f"--seconds={text}"],
        env=environ(folder), cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 2
    assert "seconds" in done.stderr
