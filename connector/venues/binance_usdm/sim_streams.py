"""The venue's streams beside book, trades and mark price, as it sends them.

Written from the venue's reference alone. Each is a `Feed`: asked every period what it has to say.
The simulated market has candles and statistics of its trades; liquidations of others it has not, so
some trades count as such (`Liquidations`), and the markets below contracts on shares keep the hours
of `SESSIONS`.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import takewhile
from typing import Any

import orjson

from connector.venues.binance_usdm import sim_market
from connector.venues.binance_usdm.sim_candles import (
    DAY_MS,
    HOUR_MS,
    LENGTHS,
    begins_ms,
    day_of,
    ends_ms,
    whole,
)
from connector.venues.sim_contract import Candle, Feed, MarketView, Stream

KLINE, CONTINUOUS = "kline", "continuousKline"
CANDLE_MS, SECOND_MS, HIDDEN_MS = 250, 1000, 500
EVERY = "!"
"""Names of streams of all symbols begin with this."""
ONBOARD_MS, DELIVERY_MS = 1569398400000, 4133404800000
LIQUIDATED = 20
"""One trade of so many counts as a liquidation."""
SESSIONS = ((0, "OVERNIGHT"), (8, "PRE_MARKET"), (14, "REGULAR"), (21, "AFTER_MARKET"))
"""Hours of the day, UTC, at which a session begins, and its word."""
MARKETS = ("Equity", "Commodity", "KR_Equity", "HK_Equity", "CN_Equity")

OF_SYMBOL = {
    "ticker": 2000,
    "miniTicker": 2000,
    "forceOrder": SECOND_MS,
    "compositeIndex": SECOND_MS,
    "rpiDepth@500ms": HIDDEN_MS,
}
"""Streams of one symbol and their periods; candles and assets' indexes apart."""
OF_ALL = {
    "!ticker@arr": 1000,
    "!miniTicker@arr": 1000,
    "!bookTicker": 5000,
    "!forceOrder@arr": 1000,
    "!markPrice@arr": 3000,
    "!markPrice@arr@1s": 1000,
    "!assetIndex@arr": 1000,
    "!contractInfo": 100,
    "tradingSession": 1000,
}
PUBLIC_ONES = {"!bookTicker", "rpiDepth@500ms"}

Payload = dict[str, Any]


def stream(
    name: str, symbol: str, kind: str, public: tuple[str, ...], market: tuple[str, ...]
) -> Stream | None:
    """The stream of that name, its symbol and its kind known; None when there is none."""
    base, _, interval = kind.partition("_")
    if base in (KLINE, CONTINUOUS):
        return Stream(name, symbol, base, market, CANDLE_MS) if interval in LENGTHS else None
    period_ms = OF_SYMBOL.get(kind) or OF_ALL.get(kind)
    if kind == "assetIndex":
        period_ms = SECOND_MS
    if period_ms is None:
        return None
    return Stream(name, symbol, kind, public if kind in PUBLIC_ONES else market, period_ms)


def feed(one: Stream, market: MarketView) -> Feed | None:
    """What speaks on a stream; None: it is of book, trades or mark price."""
    if one.kind in (KLINE, CONTINUOUS):
        return Candles(one, market)
    make = _FEEDS.get(one.kind)
    return make(one, market) if make is not None else None


class Telling:
    """What the feeds have in common."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self.one, self.symbol, self.market = one, one.symbol, market

    @property
    def symbols(self) -> Iterable[str]:
        """Whom it speaks of."""
        return self.market.symbols if self.one.name.startswith(EVERY) else (self.symbol,)

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def repeat(self) -> None:
        """Nothing is said again."""


class Candles(Telling):
    """A candle after each trade, at most every 250 ms, and once more when it is over."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._interval = one.name.rpartition("_")[2]
        self._told: Candle | None = None
        """As last told, while its interval lasts."""

    def turn(self, now_ms: int) -> list[bytes]:
        minutes = self.market.candles(self.symbol)
        if not minutes:
            return []
        said = []
        begin_ms = begins_ms(minutes[-1].open_ms, self._interval)
        told = self._told
        if told is not None and ends_ms(told.open_ms, self._interval) <= now_ms:
            end_ms = ends_ms(told.open_ms, self._interval)
            rows = [row for row in minutes if told.open_ms <= row.open_ms < end_ms]
            said.append(self._say(whole(told.open_ms, rows), now_ms, closed=True))
            self._told = None
        if ends_ms(begin_ms, self._interval) <= now_ms:
            return said  # nothing was traded in the interval that runs
        tail = takewhile(lambda row: row.open_ms >= begin_ms, reversed(minutes))
        now = whole(begin_ms, [*tail][::-1])
        if told is None or (told.open_ms, told.count) != (begin_ms, now.count):
            self._told = now
            said.append(self._say(now, now_ms, closed=False))
        return said

    def _say(self, row: Candle, now_ms: int, *, closed: bool) -> bytes:
        symbol, last_ms = self.symbol, ends_ms(row.open_ms, self._interval) - 1
        candle: Payload = {"t": row.open_ms, "T": last_ms}
        if self.one.kind == KLINE:
            candle["s"] = symbol
        candle |= {
            "i": self._interval, "f": row.first_id, "L": row.last_id, "o": _text(row.open),
            "c": _text(row.close), "h": _text(row.high), "l": _text(row.low),
            "v": _text(row.volume), "n": row.count, "x": closed, "q": _text(row.quote),
            "V": _text(row.buy_volume), "Q": _text(row.buy_quote), "B": "0",
        }  # fmt: skip
        if self.one.kind == KLINE:
            head: Payload = {"e": "kline", "E": now_ms, "s": symbol}
        else:
            head = {"e": "continuous_kline", "E": now_ms, "ps": symbol, "ct": "PERPETUAL"}
        return orjson.dumps(head | {"k": candle, "st": 1})


class Tickers(Telling):
    """Statistics of the last 24 hours of symbols that traded since they were last told."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._mini = "mini" in one.kind
        self._told: dict[str, int] = {}

    def turn(self, now_ms: int) -> list[bytes]:
        rows = [row for name in self.symbols if (row := self._row(name, now_ms)) is not None]
        if self.one.name.startswith(EVERY):
            return [orjson.dumps(rows)] if rows else []
        return [orjson.dumps(row) for row in rows]

    def _row(self, name: str, now_ms: int) -> Payload | None:
        day = day_of(self.market.candles(name), now_ms)
        if day is None or self._told.get(name) == day.last_id:
            return None
        self._told[name] = day.last_id
        prices = {"o": _text(day.open), "h": _text(day.high), "l": _text(day.low)}
        sums = {"v": _text(day.volume), "q": _text(day.quote)}
        tail = {"ps": name, "st": 1}
        if self._mini:
            head = {"e": "24hrMiniTicker", "E": now_ms, "s": name, "c": _text(day.close)}
            return head | prices | sums | tail
        change = day.close - day.open
        return {
            "e": "24hrTicker", "E": now_ms, "s": name, "p": _text(change),
            "P": _text((change / day.open * 100).quantize(Decimal("0.001"))),
            "w": _text((day.quote / day.volume).quantize(day.close)), "c": _text(day.close),
            "Q": _text(day.last_qty), **prices, **sums, "O": day.open_ms, "C": now_ms,
            "F": day.first_id, "L": day.last_id, "n": day.count, **tail,
        }  # fmt: skip


class Liquidations(Telling):
    """The largest one of each symbol in a second."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._told: dict[str, int] = {}

    def turn(self, now_ms: int) -> list[bytes]:
        said = []
        for name in self.symbols:
            rows = self.market.trades(name, self._told.get(name, 0))
            if not rows:
                continue
            self._told[name] = rows[-1].trade_id
            forced = [
                row
                for row in rows
                if row.trade_id % LIQUIDATED == 0 and row.time_ms > now_ms - SECOND_MS
            ]
            if not forced:
                continue
            row = max(forced, key=lambda one: Decimal(one.quote_qty))
            order = {
                "s": name, "S": "SELL" if row.buyer_is_maker else "BUY", "o": "LIMIT", "f": "IOC",
                "q": row.qty, "p": row.price, "ap": row.price, "X": "FILLED", "l": row.qty,
                "z": row.qty, "T": row.time_ms,
            }  # fmt: skip
            said.append(
                orjson.dumps({"e": "forceOrder", "E": now_ms, "o": order, "ps": name, "st": 1})
            )
        return said


class BestPrices(Telling):
    """The best prices of every symbol, each a message."""

    def turn(self, now_ms: int) -> list[bytes]:
        said = []
        for name in self.symbols:
            row = self.market.ticker(name)
            if row is not None:
                said.append(
                    orjson.dumps(
                        {
                            "e": "bookTicker", "u": row.update_id, "s": name, "ps": name,
                            "b": row.bid, "B": row.bid_qty, "a": row.ask, "A": row.ask_qty,
                            "T": row.time_ms, "E": now_ms, "st": 1,
                        }
                    )
                )  # fmt: skip
        return said


class MarkPrices(Telling):
    """The mark prices of every symbol in one message."""

    def turn(self, now_ms: int) -> list[bytes]:
        rows = [
            {
                "e": "markPriceUpdate", "E": now_ms, "s": name, "p": mark.mark,
                "ap": mark.average, "P": mark.settle, "i": mark.index, "r": mark.rate,
                "T": mark.next_funding_ms, "st": 1,
            }
            for name in self.symbols
            if (mark := self.market.mark(name, now_ms)) is not None
        ]  # fmt: skip
        return [orjson.dumps(rows)]


class AssetIndexes(Telling):
    """What assets count for as margin: all, or the one the stream is of."""

    def turn(self, now_ms: int) -> list[bytes]:
        every = self.one.name.startswith(EVERY)
        wanted = self.one.name.partition("@")[0].upper()
        rows = [
            {
                "e": "assetIndexUpdate", "E": now_ms, "s": row["symbol"], "i": row["index"],
                "b": row["bidBuffer"], "a": row["askBuffer"], "B": row["bidRate"],
                "A": row["askRate"], "q": row["autoExchangeBidBuffer"],
                "g": row["autoExchangeAskBuffer"], "Q": row["autoExchangeBidRate"],
                "G": row["autoExchangeAskRate"],
            }
            for row in sim_market.asset_rows(self.market, now_ms)
            if every or row["symbol"] == wanted
        ]  # fmt: skip
        return [orjson.dumps(rows)] if every else [orjson.dumps(row) for row in rows]


class Composite(Telling):
    """What a composite index is made of; other symbols have no such stream."""

    def turn(self, now_ms: int) -> list[bytes]:
        row = sim_market.composite(self.symbol, self.market, now_ms)
        if row is None:
            return []
        parts = [
            {
                "b": part["baseAsset"], "q": part["quoteAsset"], "w": part["weightInQuantity"],
                "W": part["weightInPercentage"], "i": part["price"],
            }
            for part in row["parts"]
        ]  # fmt: skip
        head = {"e": "compositeIndex", "E": now_ms, "s": self.symbol, "p": row["price"]}
        return [orjson.dumps(head | {"C": "baseAsset", "c": parts, "st": 1})]


class Contracts(Telling):
    """Every contract whose status is another one, and those that came and went."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._told = self._now()

    def _now(self) -> dict[str, str]:
        return {
            name: getattr(row, "status", "") or "TRADING"
            for name, row in self.market.symbols.items()
        }

    def turn(self, now_ms: int) -> list[bytes]:
        was, self._told = self._told, self._now()
        changed = {name: word for name, word in self._told.items() if was.get(name) != word}
        changed |= {name: "CLOSE" for name in was if name not in self._told}
        return [
            orjson.dumps(
                {
                    "e": "contractInfo", "E": now_ms, "s": name, "ps": name, "ct": "PERPETUAL",
                    "dt": DELIVERY_MS, "ot": ONBOARD_MS, "cs": word, "st": 1,
                }
            )
            for name, word in changed.items()
        ]  # fmt: skip


class HiddenDepth(Telling):
    """Changes of the book with the orders that the other one leaves out: nobody places such here,
    so it is the same book."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._last = self._levels()

    def _levels(self) -> tuple[int, dict[str, str], dict[str, str]]:
        row = self.market.top(self.symbol, 0)
        return row.update_id, dict(row.bids), dict(row.asks)

    def turn(self, now_ms: int) -> list[bytes]:
        (was, *sides), last = self._last, self._levels()
        self._last = last
        now, *fresh = last
        if now == was:
            return []
        changes = [
            [[price, qty] for price, qty in new.items() if old.get(price) != qty]
            + [[price, "0.000"] for price in old if price not in new]
            for old, new in zip(sides, fresh, strict=True)
        ]
        row = self.market.top(self.symbol, 1)
        return [
            orjson.dumps(
                {
                    "e": "depthUpdate", "E": now_ms, "T": row.time_ms, "s": self.symbol,
                    "ps": self.symbol, "U": was + 1, "u": now, "pu": was, "b": changes[0],
                    "a": changes[1], "st": 1,
                }
            )
        ]  # fmt: skip


class Hours(Telling):
    """The session of each market, each a message."""

    def turn(self, now_ms: int) -> list[bytes]:
        day_ms = now_ms - now_ms % DAY_MS
        bounds = [day_ms + hour * HOUR_MS for hour, _ in SESSIONS] + [day_ms + DAY_MS]
        number = sum(bound <= now_ms for bound in bounds) - 1
        session = {"t": bounds[number], "T": bounds[number + 1], "S": SESSIONS[number][1]}
        return [orjson.dumps({"e": f"{name}Update", "E": now_ms} | session) for name in MARKETS]


_FEEDS: dict[str, Callable[[Stream, MarketView], Feed]] = {
    "ticker": Tickers,
    "miniTicker": Tickers,
    "!ticker@arr": Tickers,
    "!miniTicker@arr": Tickers,
    "forceOrder": Liquidations,
    "!forceOrder@arr": Liquidations,
    "!bookTicker": BestPrices,
    "!markPrice@arr": MarkPrices,
    "!markPrice@arr@1s": MarkPrices,
    "assetIndex": AssetIndexes,
    "!assetIndex@arr": AssetIndexes,
    "compositeIndex": Composite,
    "!contractInfo": Contracts,
    "rpiDepth@500ms": HiddenDepth,
    "tradingSession": Hours,
}


def _text(value: Decimal) -> str:
    return f"{value:f}"
