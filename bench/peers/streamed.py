"""One contender of the Phemex bench, in a process of its own, told over its standard input when to
run.

Usage: python streamed.py CONTENDER FRAMES     (a pickle of symbol, the whole book's frame, the
frames that change it)

Answers each line ``book``, ``top`` or ``whole`` with one JSON object {"ns": …, "bid": …, "ask": …}:
the time of all changes, book only or with the best 20 of each side taken after every message, or
that of the whole book's frame as often as there are changes, and the best prices it ended with, as
the venue's integers. Before each run the whole book is loaded, untimed. This file imports nothing
of connector: it runs in the peers' environment.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

TOP = 20
PRICE_SCALE = 10_000
Prices = tuple[int, int]
Contender = Callable[[str, bytes, list[bytes], bool], tuple[int, Prices]]


def cryptofeed(symbol: str, whole: bytes, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """Phemex.message_handler itself, with one callback that does nothing."""
    from cryptofeed.defines import L2_BOOK, PERPETUAL, PHEMEX
    from cryptofeed.exchanges import Phemex
    from cryptofeed.symbols import Symbol, Symbols

    name = Symbol(symbol.removesuffix("USD"), "USD", type=PERPETUAL).normalized
    Symbols.set(PHEMEX, {name: symbol}, {"instrument_type": {name: PERPETUAL}, "tick_size": {}})
    Phemex.price_scale[name] = PRICE_SCALE

    async def ignore(book: Any, receipt: float) -> None:
        if top:
            for place in range(TOP):
                book.book.bids.index(place)
                book.book.asks.index(place)

    feed = Phemex(symbols=[name], channels=[L2_BOOK], callbacks={L2_BOOK: ignore})
    handle = feed.message_handler

    def give(text: str) -> None:
        try:
            handle(text, None, 0.0).send(None)
        except StopIteration:
            return

    give(whole.decode())
    texts = [frame.decode() for frame in frames]  # the socket library hands out text
    begin = time.perf_counter_ns()
    for text in texts:
        give(text)
    spent = time.perf_counter_ns() - begin
    sides = feed._l2_book[name].book
    bid, ask = (int(side.index(0)[0] * PRICE_SCALE) for side in (sides.bids, sides.asks))
    return spent, (bid, ask)


def ccxt_pro(symbol: str, whole: bytes, frames: list[bytes], top: bool) -> tuple[int, Prices]:
    """phemex.handle_order_book on the client's parsed JSON."""
    import ccxt.pro

    class Client:
        def resolve(self, result: Any, name: str) -> None:
            """Nobody waits."""

    exchange = ccxt.pro.phemex()
    base = symbol.removesuffix("USD")
    row = {
        "id": symbol, "symbol": f"{base}/USD:USD", "base": base, "quote": "USD", "settle": "USD",
        "type": "swap", "spot": False, "swap": True, "contract": True, "linear": True,
        "inverse": False, "priceScale": 4, "valueScale": 4, "ratioScale": 8,
        "precision": {"price": 0.001, "amount": 1.0}, "limits": {}, "info": {},
    }  # fmt: skip
    exchange.set_markets([row])
    client, loads = Client(), json.loads
    exchange.handle_order_book(client, loads(whole))
    begin = time.perf_counter_ns()
    for frame in frames:
        exchange.handle_order_book(client, loads(frame))
        if top:
            book = exchange.orderbooks[row["symbol"]]
            book.limit()
            book["bids"][:TOP]
            book["asks"][:TOP]
    spent = time.perf_counter_ns() - begin
    book = exchange.orderbooks[row["symbol"]]
    book.limit()
    bid, ask = (round(book[side][0][0] * PRICE_SCALE) for side in ("bids", "asks"))
    return spent, (bid, ask)


CONTENDERS: dict[str, Contender] = {"cryptofeed": cryptofeed, "ccxt.pro": ccxt_pro}


def serve(run: Contender, path: str) -> None:
    """Answer requests until the standard input ends."""
    with open(path, "rb") as stored:
        symbol, whole, frames = pickle.load(stored)
    for line in sys.stdin:
        what = line.strip()
        given = [whole] * len(frames) if what == "whole" else frames
        spent, (bid, ask) = run(symbol, whole, given, what == "top")
        sys.stdout.write(json.dumps({"ns": spent, "bid": bid, "ask": ask}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(CONTENDERS[sys.argv[1]], sys.argv[2])
