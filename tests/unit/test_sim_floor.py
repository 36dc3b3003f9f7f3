"""Accounts in a replay: the recorded book and trades fill them, and nobody hears of it."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.sim.faults import Faults
from connector.sim.hub import Hub
from connector.sim.matching.engine import Engine
from connector.sim.matching.types import (
    RATIO,
    NewConditional,
    NewOrder,
    OrderType,
    Side,
    Status,
    Tif,
)
from connector.sim.replay import ReplayMarket
from connector.venues.sim_contract import load
from tests.reference.listener import Listener

SIM = load("binance_usdm")
SYMBOL = "ABCUSDT"
BUY, SELL = Side.BUY, Side.SELL
SNAPSHOT = {
    "lastUpdateId": 10, "E": 1, "T": 1,
    "bids": [["99.0", "10"], ["98.0", "20"], ["97.0", "5"]],
    "asks": [["101.0", "10"], ["102.0", "20"], ["103.0", "5"]],
}  # fmt: skip


def depth(last_id: int, bids: Sequence[Any] = (), asks: Sequence[Any] = ()) -> dict[str, Any]:
    return {
        "e": "depthUpdate", "E": last_id, "T": last_id, "s": SYMBOL, "U": last_id,
        "u": last_id, "pu": last_id - 1, "b": [*bids], "a": [*asks],
    }  # fmt: skip


def trade(number: int, price: str, qty: str, buyer_is_maker: bool) -> dict[str, Any]:
    return {
        "e": "trade", "E": number, "T": number, "s": SYMBOL, "t": number, "p": price, "q": qty,
        "X": "MARKET", "m": buyer_is_maker,
    }  # fmt: skip


def mark(price: str) -> dict[str, Any]:
    return {"e": "markPriceUpdate", "E": 1, "s": SYMBOL, "p": price, "i": price, "P": price,
            "r": "0.0001", "T": 1}  # fmt: skip


KINDS = {"depthUpdate": "depth@0ms", "trade": "trade", "markPriceUpdate": "markPrice@1s"}


class Stage:
    """A replay of these messages, sent one by one."""

    def __init__(self, folder: Path, *messages: dict[str, Any]) -> None:
        lines = [f"1660000000000000000 {json.dumps(SNAPSHOT)}"]
        for number, data in enumerate((depth(10), *messages), 1):
            name = f"{SYMBOL.lower()}@{KINDS[data['e']]}"
            line = json.dumps({"stream": name, "data": data}, separators=(",", ":"))
            lines.append(f"{1660000000000000000 + number * 1_000_000} {line}")
        file = folder / "recording"
        file.write_text("\n".join(lines) + "\n")
        self.market = ReplayMarket(SIM, [file], speed=0, settle_s=0, snapshot_wait_s=0)
        self.peer = Listener()
        self.market.hub = Hub(Faults(), SIM.wrapped, lambda *later: None)
        self.engine = Engine()
        self.market.attach(self.engine, SIM.rules)
        self.engine.open_account("ann")
        self.engine.transfer("ann", "USDT", 10**9 * RATIO, 1)
        for name in self.market._streams:
            stream = SIM.stream(name, self.market.symbols)
            assert stream is not None
            self.market.hub.add(name, self.peer)
            self.market.subscribed(stream)
        self.send(1)

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            sent = self.market.sent
            while self.market.sent == sent:
                self.market.run_until(monotonic_ns(), 1)

    def place(self, side: Side, lots: int, tick: int = 0, tif: Tif = Tif.GTC) -> Any:
        new = NewOrder(
            symbol=SYMBOL, side=side, type=OrderType.LIMIT if tick else OrderType.MARKET,
            lots=lots, tick=tick, tif=tif,
        )  # fmt: skip
        return self.engine.place("ann", new, 1)

    def fills(self) -> list[tuple[int, int, bool]]:
        return [(row.tick, row.lots, row.maker) for row in self.engine.fills("ann", SYMBOL)]


def test_what_was_taken_stays_taken_until_the_level_changes(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, depth(11, asks=[["101.0", "10"]]), depth(12, asks=[["101.0", "9"]]),
        depth(13, asks=[["101.0", "0"]]), depth(14, asks=[["101.0", "10"]]),
    )  # fmt: skip
    stage.place(BUY, 15, 102)
    assert stage.fills() == [(101, 10, False), (102, 5, False)]
    stage.send()  # the same quantity again
    assert stage.place(BUY, 1, 101, Tif.IOC).status == Status.EXPIRED
    stage.send()
    assert stage.place(BUY, 99, 101, Tif.IOC).filled == 9
    stage.send(2)
    assert stage.place(BUY, 99, 102, Tif.IOC).filled == 10 + 15


def test_a_resting_order_waits_for_what_is_ahead_of_it(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, trade(1, "99.0", "4", True), depth(11, bids=[["99.0", "6"]]),
        depth(12, bids=[["99.0", "50"]]), trade(2, "99.0", "5", True), trade(3, "99.0", "3", True),
        trade(4, "101.0", "3", False), trade(5, "98.0", "2", True), trade(6, "98.0", "9", True),
    )  # fmt: skip
    order = stage.place(BUY, 7, 99)
    assert order.ahead == 10
    for ahead, filled in [(6, 0), (6, 0), (6, 0), (1, 0), (0, 2), (0, 2), (0, 4), (0, 7)]:
        stage.send()
        assert (order.ahead, order.filled) == (ahead, filled)
    assert stage.fills() == [(99, 2, True), (99, 2, True), (99, 3, True)]


def test_quantities_that_cross_an_order_fill_it_at_its_price(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, depth(11, bids=[["99.0", "0"]], asks=[["99.0", "4"]]),
        depth(12, asks=[["98.0", "9"]]),
    )  # fmt: skip
    order = stage.place(BUY, 7, 100)
    stage.send()
    assert order.filled == 4
    stage.send()
    assert order.status == Status.FILLED
    assert stage.fills() == [(100, 4, True), (100, 3, True)]
    # Of the nine at 98 six are left for a taker.
    assert stage.place(BUY, 99, 98, Tif.IOC).filled == 6


def test_recorded_prices_trigger(tmp_path: Path) -> None:
    stage = Stage(tmp_path, trade(1, "101.0", "1", False), mark("95.0"), mark("94.0"))
    new = NewConditional(
        symbol=SYMBOL, side=BUY, type=OrderType.STOP_MARKET, lots=3, trigger_tick=101
    )
    each = stage.engine.place_conditional("ann", new, 1)
    stage.send()
    assert each.filled == 3
    assert stage.engine.mark_e8(SYMBOL) == 101 * RATIO  # none was recorded until now
    stage.send()
    assert stage.engine.mark_e8(SYMBOL) == 95 * RATIO
    assert stage.engine.positions("ann", SYMBOL)[0].unrealized_m == -18 * RATIO


def test_what_is_published_is_the_recording_byte_for_byte(tmp_path: Path) -> None:
    messages = [depth(11, asks=[["101.0", "3"]]), trade(1, "101.0", "2", False), mark("100.0")]
    sent = []
    for trading in (False, True):
        stage = Stage(tmp_path, *messages)
        if trading:
            stage.place(BUY, 15, 102)
            stage.place(BUY, 5, 100)
        before = json.loads(stage.market.depth(SYMBOL, 1000, 1))
        stage.send(3)
        after = json.loads(stage.market.depth(SYMBOL, 1000, 1))
        assert (before["bids"], before["asks"]) == (SNAPSHOT["bids"], SNAPSHOT["asks"])
        assert (after["bids"], after["asks"][0]) == (SNAPSHOT["bids"], ["101.0", "3"])
        sent.append(stage.peer.data)
        assert [each["data"] for each in stage.peer.messages()] == [depth(10), *messages]
    assert sent[0] == sent[1]


def test_a_hole_in_the_recording_leaves_orders_and_brings_a_new_book(tmp_path: Path) -> None:
    stage = Stage(tmp_path, depth(20, asks=[["101.0", "1"]]), trade(1, "99.0", "12", True))
    order = stage.place(BUY, 7, 99)
    stage.send()  # the chain is broken: the book stands as it was
    assert order.open
    assert stage.place(BUY, 99, 101, Tif.IOC).filled == 10
    stage.send()
    assert order.filled == 2


def test_a_damaged_trade_is_counted(tmp_path: Path) -> None:
    broken = trade(1, "99.0", "12", True) | {"p": None}
    stage = Stage(tmp_path, broken, trade(2, "99.05", "12", True), mark("x"))
    order = stage.place(BUY, 7, 99)
    stage.send(3)
    assert order.filled == 0
    assert stage.market.status()["unread"] == {SYMBOL: 3}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_real_recording_with_accounts_in_it(recordings: Path, seed: int) -> None:
    file = recordings / "binance-usdm" / "ethusdt_20240718.gz"
    sent = []
    for trading in (False, True):
        market = ReplayMarket(SIM, [file], speed=0, settle_s=0, snapshot_wait_s=0)
        peer, engine, rng = Listener(), Engine(), Random(seed)
        market.hub = Hub(Faults(), SIM.wrapped, lambda *later: None)
        market.attach(engine, SIM.rules)
        engine.open_account("ann")
        engine.transfer("ann", "USDT", 10**9 * RATIO, 1)
        for name in market._streams:
            stream = SIM.stream(name, market.symbols)
            if stream is not None:
                market.hub.add(name, peer)
                market.subscribed(stream)
        (symbol,) = {track.symbol for track in market._tape.tracks.values()}
        digest = sha256()
        while market.sent < 6000 and not market.done:
            market.run_until(monotonic_ns(), 1)
            digest.update(peer.data)
            peer.data = b""
            if trading and market.sent > 200 and rng.random() < 0.05:
                wander(engine, symbol, rng)
            bid, ask = (engine.market[symbol].book.best(side) for side in Side)
            assert bid is None or ask is None or -bid < ask
        sent.append(digest.digest())
    assert sent[0] == sent[1]
    fills = engine.fills("ann", symbol)
    assert {fill.maker for fill in fills} == {False, True}
    (row,) = engine.positions("ann", symbol)
    assert row.lots == sum(fill.lots * (1 if fill.side == BUY else -1) for fill in fills)
    (balance,) = engine.balances("ann")
    fees = sum(fill.fee_m for fill in fills)
    assert balance.wallet_m == 10**9 * RATIO + row.realized_m - fees
    assert market.status()["unread"] == {symbol: 0}


def wander(engine: Engine, symbol: str, rng: Random) -> None:
    """Quote around the touch, cross it now and then, cancel what is old."""
    book = engine.book(symbol)
    best = [book.best(side) for side in Side]
    opened = engine.open_orders("ann", symbol)
    if len(opened) > 6:
        engine.cancel("ann", symbol, 1, order_id=opened[0].order_id)
    side = rng.choice([*Side])
    key = best[side]
    if key is None:
        return
    tick = abs(key) + rng.randint(-3, 3)
    new = NewOrder(
        symbol=symbol, side=side, type=OrderType.LIMIT, lots=rng.randint(20, 400), tick=tick
    )
    engine.place("ann", new, 1)
