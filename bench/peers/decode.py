"""One contender of the depth bench, in a process of its own, told over its standard input when to
run.

Usage: python decode.py CONTENDER FRAMES     (a pickle of symbol, base book and wrapped depth
frames)

Answers each line ``book`` or ``top`` with one JSON object {"ns": …, "bid": …, "ask": …}: the time
of all frames, book only or with the best 20 of each side taken after every message, and the best
prices it ended with. Before each run the full base book is loaded, untimed. This file imports
nothing of connector: it runs in the peers' environment.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

TOP = 20
Prices = tuple[str, str]
Contender = Callable[[str, Any, list[bytes], bool], tuple[int, Prices]]


def orjson_loads(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """Only the JSON, no book: the least any Python path pays."""
    import orjson

    loads = orjson.loads
    begin = time.perf_counter_ns()
    for frame in frames:
        loads(frame)
    return time.perf_counter_ns() - begin, ("", "")


def plain_dict(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """orjson and two dictionaries of floats; the best 20 by heapq."""
    import heapq

    import orjson

    bids = {float(price): float(quantity) for price, quantity in base.bids.items()}
    asks = {float(price): float(quantity) for price, quantity in base.asks.items()}
    begin = time.perf_counter_ns()
    for frame in frames:
        data = orjson.loads(frame)["data"]
        for book, levels in ((bids, data["b"]), (asks, data["a"])):
            for text, amount in levels:
                price, quantity = float(text), float(amount)
                if quantity:
                    book[price] = quantity
                else:
                    book.pop(price, None)
        if top:
            heapq.nlargest(TOP, bids.items())
            heapq.nsmallest(TOP, asks.items())
    spent = time.perf_counter_ns() - begin
    return spent, (str(max(bids)), str(min(asks)))


def cryptofeed(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """BinanceFutures.message_handler itself, with one callback that does nothing."""
    from cryptofeed.defines import BINANCE_FUTURES, L2_BOOK, PERPETUAL
    from cryptofeed.exchanges import BinanceFutures
    from cryptofeed.symbols import Symbol, Symbols
    from cryptofeed.types import OrderBook

    name = Symbol(symbol.removesuffix("USDT"), "USDT", type=PERPETUAL).normalized
    Symbols.set(
        BINANCE_FUTURES, {name: symbol}, {"instrument_type": {name: PERPETUAL}, "tick_size": {}}
    )

    async def ignore(book: Any, receipt: float) -> None:
        if top:
            for place in range(TOP):
                book.book.bids.index(place)
                book.book.asks.index(place)

    feed = BinanceFutures(symbols=[name], channels=[L2_BOOK], callbacks={L2_BOOK: ignore})
    book = OrderBook(
        feed.id,
        name,
        max_depth=0,
        bids={Decimal(price): Decimal(quantity) for price, quantity in base.bids.items()},
        asks={Decimal(price): Decimal(quantity) for price, quantity in base.asks.items()},
    )
    feed._l2_book[name] = book
    feed.last_update_id[name] = base.last_id
    handle = feed.message_handler
    texts = [frame.decode() for frame in frames]  # the socket library hands out text
    begin = time.perf_counter_ns()
    for text in texts:
        try:
            handle(text, None, 0.0).send(None)
        except StopIteration:
            continue
    spent = time.perf_counter_ns() - begin
    assert feed.last_update_id[name] == json.loads(frames[-1])["data"]["u"], "it lost its place"
    return spent, (str(book.book.bids.index(0)[0]), str(book.book.asks.index(0)[0]))


def ccxt_pro(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """binanceusdm.handle_order_book_message on the client's parsed JSON."""
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm()
    book = exchange.order_book({}, 1000)
    exchange.handle_deltas(book["bids"], [list(level) for level in base.bids.items()])
    exchange.handle_deltas(book["asks"], [list(level) for level in base.asks.items()])
    book.limit()
    loads = json.loads
    begin = time.perf_counter_ns()
    for frame in frames:
        exchange.handle_order_book_message(None, loads(frame)["data"], book)
        book.limit()
        if top:
            book["bids"][:TOP]
            book["asks"][:TOP]
    spent = time.perf_counter_ns() - begin
    return spent, (str(book["bids"][0][0]), str(book["asks"][0][0]))


def nautilus_trader(symbol: str, base: Any, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """The Binance adapter's decoder and deltas, and its L2 book."""
    import msgspec
    from nautilus_trader.adapters.binance.common.schemas.market import BinanceOrderBookMsg
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.enums import BookType
    from nautilus_trader.model.identifiers import InstrumentId

    instrument = InstrumentId.from_str(f"{symbol}-PERP.BINANCE")
    decoder = msgspec.json.Decoder(BinanceOrderBookMsg)
    book = OrderBook(instrument, BookType.L2_MBP)
    first = {
        "stream": "",
        "data": {
            **json.loads(frames[0])["data"],
            "b": list(base.bids.items()),
            "a": list(base.asks.items()),
        },
    }
    loaded = decoder.decode(msgspec.json.encode(first)).data
    book.apply_deltas(loaded.parse_to_order_book_deltas(instrument, 0))
    begin = time.perf_counter_ns()
    for frame in frames:
        book.apply_deltas(decoder.decode(frame).data.parse_to_order_book_deltas(instrument, 0))
        if top:
            book.bids()[:TOP]  # it offers no cheaper way to a few levels
            book.asks()[:TOP]
    spent = time.perf_counter_ns() - begin
    return spent, (str(book.best_bid_price()), str(book.best_ask_price()))


CONTENDERS: dict[str, Contender] = {
    "orjson.loads": orjson_loads,
    "orjson+dict": plain_dict,
    "cryptofeed": cryptofeed,
    "ccxt.pro": ccxt_pro,
    "nautilus_trader": nautilus_trader,
}


def serve(run: Contender, path: str) -> None:
    """Answer requests until the standard input ends."""
    with open(path, "rb") as stored:
        symbol, base, frames = pickle.load(stored)
    for line in sys.stdin:
        spent, (bid, ask) = run(symbol, _Base(base), frames, line.strip() == "top")
        sys.stdout.write(json.dumps({"ns": spent, "bid": bid, "ask": ask}) + "\n")
        sys.stdout.flush()


class _Base:
    """The base book as plain attributes; the pickle holds only built-in types."""

    def __init__(self, parts: tuple[int, dict[str, str], dict[str, str]]) -> None:
        self.last_id, self.bids, self.asks = parts


if __name__ == "__main__":
    serve(CONTENDERS[sys.argv[1]], sys.argv[2])
