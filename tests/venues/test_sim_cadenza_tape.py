"""Cadenza's recordings as the simulator reads them: every published form of books and trades."""

import json
from typing import Any

import pytest

from connector.sim.tape import SymbolReplay
from connector.venues.cadenza.sim import SIM
from connector.venues.cadenza.sim_tape import TAPE

SYMBOL = "BINANCE:BTC/USDT"
TODAY, JANUARY = f"market:orderbook:{SYMBOL}", f"market:orderBook:{SYMBOL}"
AT_MS = 1_703_052_635_110
BIDS, ASKS = [["50000.00", "1.5"]], [["50001.00", "0"]]


def push(channel: str, data: Any, **more: Any) -> bytes:
    return json.dumps({"push": {"channel": channel, "pub": {"data": data} | more}}).encode()


def book(bids: Any = BIDS, asks: Any = ASKS, **more: Any) -> dict[str, Any]:
    return {"bids": bids, "asks": asks, "timestamp": AT_MS} | more


OBJECTS = {
    "bids": [{"price": "50000.00", "quantity": "1.5"}],
    "asks": [{"price": "50001.00", "quantity": "0"}],
    "timestamp": "2023-12-20T06:10:35.110Z",
}
MANY = [["50000.00", "1", "x"], ["50000.00", "0.5", "y"]]


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (book(updateType="SNAPSHOT"), True),
        (book(updateType="DIFF"), False),
        (book(), True),
        (OBJECTS | {"sequenceNumber": 7}, True),
        (book(type="snapshot"), True),
        (book(type="update"), False),
        ({"data": book(updateType="DIFF")}, False),
        ({"channel": "market.orderBook", "subscriptionId": "s", "data": book()}, True),
        (book(columns=["quantity", "price"], bids=[["1.5", "50000.00"]], asks=[["0", "50001.00"]],
              updateType="DIFF"), False),
        (book(MANY, orderBookType="L2_EXCHANGE", columns=["price", "quantity", "exchange"]), True),
    ],
)  # fmt: skip
def test_a_book_in_any_form(data: Any, whole: bool) -> None:
    found = TAPE.message(push(TODAY, data, offset=41))
    assert found is not None
    assert (found.stream, json.loads(found.payload)) == (TODAY, data)
    depth = TAPE.depth(found.payload)
    assert (depth.bids, depth.asks) == ([("50000.00", "1.5")], [("50001.00", "0")])
    assert (depth.last_id, depth.time_ms, depth.whole, depth.timed) == (AT_MS, AT_MS, whole, True)


@pytest.mark.parametrize("data", [{}, [], {"bids": []}, book(timestamp=None), book(bids=[["1"]]),
                                  book(columns=["vwap"])])  # fmt: skip
def test_what_is_no_book(data: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever is wrong with it
        TAPE.depth(json.dumps(data).encode())


def test_one_that_says_that_the_book_is_lost() -> None:
    with pytest.raises(ArithmeticError):
        TAPE.depth(json.dumps(book(updateType="DELTA")).encode())


@pytest.mark.parametrize(
    ("channel", "symbol", "kind", "profile"),
    [
        (TODAY, SYMBOL, "depth", "current"),
        (JANUARY, SYMBOL, "depth", "seed"),
        (f"market:trade:{SYMBOL}", SYMBOL, "trade", ""),
        (f"market:ticker:{SYMBOL}", SYMBOL, "", ""),
        (f"market:kline:{SYMBOL}:1m", SYMBOL, "", ""),
        ("tradingAccount:14f7", "", "", ""),
    ],
)
def test_what_a_channel_is_of(channel: str, symbol: str, kind: str, profile: str) -> None:
    assert TAPE.stream(channel) == (symbol, kind)
    assert TAPE.profile(channel) == profile


@pytest.mark.parametrize("line", [
    b"", b"{}", b'{"id":1,"subscribe":{}}', b'{"push":{"channel":"c","unsubscribe":{"code":2000}}}',
    b'{"push":{"channel":"c","pub":{}}}', b'{"push', b"[1]",
])  # fmt: skip
def test_what_is_no_publication(line: bytes) -> None:
    assert TAPE.message(line) is None


def test_a_frame_holds_several() -> None:
    frame = b"\n".join([push(TODAY, book()), b"{}", push(JANUARY, book())])
    found = [one for line in TAPE.lines(frame) if (one := TAPE.message(line)) is not None]
    assert [one.stream for one in found] == [TODAY, JANUARY]


TRADE = {"tradeId": "7", "price": "1.5", "quantity": "2", "side": "SELL", "timestamp": AT_MS}


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (TRADE, [7]),
        ([TRADE, TRADE | {"tradeId": "8"}], [7, 8]),
        ({"data": TRADE}, [7]),
        ({"trades": [TRADE]}, [7]),
        ({"executionId": "7", "executedPrice": "1.5", "amount": 2, "orderSide": "sell",
          "executedAt": AT_MS}, [7]),
        (TRADE | {"tradeId": "binance-x"}, [AT_MS << 10]),
        ({"price": "1.5"}, []),
        ([7, None], []),
    ],
)  # fmt: skip
def test_trades_in_any_form(data: Any, ids: list[int]) -> None:
    rows = TAPE.trades(json.dumps(data).encode())
    assert [row.trade_id for row in rows] == ids
    for row in rows:
        assert (row.price, row.qty, row.quote_qty, row.time_ms) == ("1.5", "2", "3.0", AT_MS)
        assert row.buyer_is_maker


def test_changes_may_share_a_time_and_go_back_in_it_but_not_behind_the_whole_book() -> None:
    def said(bids: list[list[str]], at_ms: int, kind: str = "DIFF") -> None:
        replay.take(json.dumps(book(bids, [], updateType=kind, timestamp=at_ms)).encode(), True)

    replay = SymbolReplay(SYMBOL, SIM)
    said([["10", "1"]], 100, "SNAPSHOT")
    said([["9", "1"]], 105)
    said([["8", "1"]], 105)
    said([["7", "1"]], 103)
    said([["6", "1"]], 99)
    assert [price for price, _ in replay.top(0).bids] == ["10", "9", "8", "7"]
