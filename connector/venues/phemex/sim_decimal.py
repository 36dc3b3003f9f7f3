"""The streams of Phemex's second family, the contracts margined in USDT and USDC: the same channels
under names of their own, and plain decimal texts instead of integers.

Written from the venue's reference alone. Texts have no trailing zeros; a quantity of "0" deletes.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson

from connector.venues.phemex.sim_feeds import (
    CANDLES,
    DAY_MS,
    MS_NS,
    TRADES,
    BaseFeed,
    BookFeed,
    candles,
)
from connector.venues.phemex.sim_listings import FUNDING_S, LISTED, decimal_family, derived
from connector.venues.sim_contract import (
    Candle,
    Contract,
    MarketView,
    Stream,
    TradeRow,
    decimal,
)

FIELDS = (
    "symbol", "openRp", "highRp", "lowRp", "lastRp", "volumeRq", "turnoverRv", "openInterestRv",
    "indexRp", "markRp", "fundingRateRr", "predFundingRateRr",
)  # fmt: skip
"""Columns of the pack of all contracts' days."""


def plain(text: str) -> str:
    """A decimal text without trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text


class Texts:
    """Writes one symbol's ticks and lots as decimal texts."""

    __slots__ = ("_price_digits", "_prices", "_qty_digits", "_step", "_tick")

    CACHED = 100_000

    def __init__(self, price_digits: int, tick: int, qty_digits: int, step: int) -> None:
        self._price_digits, self._tick = price_digits, tick
        self._qty_digits, self._step = qty_digits, step
        self._prices: dict[int, str] = {}

    def price(self, tick: int) -> str:
        text = self._prices.get(tick)
        if text is None:
            if len(self._prices) > self.CACHED:
                self._prices.clear()
            text = self._prices[tick] = plain(decimal(tick * self._tick, self._price_digits))
        return text

    def qty(self, lots: int) -> str:
        return plain(decimal(lots * self._step, self._qty_digits))

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        return ",".join([f'["{self.price(tick)}","{self.qty(lots)}"]' for tick, lots in levels])


class DecimalBookFeed(BookFeed):
    """A book of texts; the gateway's own times go with it."""

    number = Decimal

    def _message(
        self, asks: Iterable[tuple[Any, str, str]], bids: Iterable[tuple[Any, str, str]], kind: str
    ) -> bytes:
        time_ns = self._time_ms * MS_NS
        return (
            f'{{"depth":{self.levels},"dts":{time_ns + 900_000},"mts":{time_ns + 300_000},'
            f'"orderbook_p":{{"asks":[{_levels(asks)}],"bids":[{_levels(bids)}]}},'
            f'"sequence":{self._id},"symbol":"{self.symbol}","timestamp":{time_ns},'
            f'"type":"{kind}"}}'
        ).encode()


def _levels(levels: Iterable[tuple[Any, str, str]]) -> str:
    return ",".join([f'["{price}","{qty}"]' for _, price, qty in levels])


def book_body(symbol: str, last_id: int, time_ms: int, bids: str, asks: str, depth: int) -> bytes:
    """``result`` of ``GET /md/v2/orderbook``."""
    time_ns = time_ms * MS_NS
    return (
        f'{{"depth":{depth},"dts":{time_ns + 900_000},"mts":{time_ns + 300_000},'
        f'"orderbook_p":{{"asks":[{asks}],"bids":[{bids}]}},"sequence":{last_id},'
        f'"symbol":"{symbol}","timestamp":{time_ns},"type":"snapshot"}}'
    ).encode()


def trade_rows(trades: Iterable[TradeRow]) -> list[list[Any]]:
    """Rows of trades, newest first."""
    return [
        [row.time_ms * MS_NS, "Sell" if row.buyer_is_maker else "Buy", row.price, row.qty]
        for row in reversed([*trades])
    ]


def trade_message(symbol: str, trades: list[TradeRow], kind: str) -> bytes:
    sequence = trades[-1].update_id if trades else 0
    return orjson.dumps(
        {"sequence": sequence, "symbol": symbol, "trades_p": trade_rows(trades), "type": kind}
    )


class DecimalTradeFeed(BaseFeed):
    """The history first, then what trades."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        trades = market.trades(self.symbol)
        self._last = trades[-1].trade_id if trades else 0

    def greeting(self, now_ms: int) -> list[bytes]:
        rows = [row for row in self.market.trades(self.symbol) if row.trade_id <= self._last]
        return [trade_message(self.symbol, rows[-TRADES:], "snapshot")]

    def turn(self, now_ms: int) -> list[bytes]:
        fresh = [*self.market.trades(self.symbol, self._last)]
        if not fresh:
            return []
        self._last = fresh[-1].trade_id
        return [trade_message(self.symbol, fresh, "incremental")]


def _text(number: Decimal) -> str:
    return plain(f"{number:f}")


def kline_rows(market: MarketView, symbol: str, seconds: int, most: int) -> list[list[Any]]:
    """The newest candles, newest first."""
    every = candles(market.candles(symbol), seconds)
    pairs = zip([None, *every], every, strict=False)
    return [_candle(row, before, seconds) for before, row in pairs][::-1][:most]


def _candle(row: Candle, before: Candle | None, seconds: int) -> list[Any]:
    prices = (before.close if before is not None else row.open, row.open, row.high, row.low,
              row.close, row.volume, row.quote)  # fmt: skip
    return [row.open_ms // 1000, seconds, *map(_text, prices)]


class DecimalKlineFeed(BaseFeed):
    """The history first, then the running candle when it changes."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._last = kline_rows(market, self.symbol, self.levels, 2)

    def _message(self, rows: list[list[Any]], kind: str) -> bytes:
        trades = self.market.trades(self.symbol)
        sequence = trades[-1].update_id if trades else 0
        return orjson.dumps(
            {"kline_p": rows, "sequence": sequence, "symbol": self.symbol, "type": kind}
        )

    def greeting(self, now_ms: int) -> list[bytes]:
        rows = kline_rows(self.market, self.symbol, self.levels, CANDLES)
        return [self._message(rows, "snapshot")]

    def turn(self, now_ms: int) -> list[bytes]:
        before, self._last = self._last, kline_rows(self.market, self.symbol, self.levels, 2)
        changed = [row for row in self._last if row not in before]
        return [self._message(changed, "incremental")] if changed else []


def day(market: MarketView, contract: Contract, now_ms: int) -> dict[str, str]:
    """The last 24 hours of a contract, by the names of the pack."""
    rows = [row for row in market.candles(contract.symbol) if row.open_ms > now_ms - DAY_MS]
    mark = market.mark(contract.symbol, now_ms)
    zero = Decimal(0)
    return {
        "symbol": contract.symbol,
        "openRp": _text(rows[0].open) if rows else "0",
        "highRp": _text(max(row.high for row in rows)) if rows else "0",
        "lowRp": _text(min(row.low for row in rows)) if rows else "0",
        "lastRp": _text(rows[-1].close) if rows else "0",
        "volumeRq": _text(sum((row.volume for row in rows), zero)),
        "turnoverRv": _text(sum((row.quote for row in rows), zero)),
        "openInterestRv": "0",
        "indexRp": plain(mark.index) if mark is not None else "0",
        "markRp": plain(mark.mark) if mark is not None else "0",
        "fundingRateRr": plain(mark.rate) if mark is not None else "0",
        "predFundingRateRr": plain(mark.rate) if mark is not None else "0",
    }


def rest_day(market: MarketView, contract: Contract, now_ms: int) -> dict[str, Any]:
    """The same by REST, where the last price is called the close."""
    row: dict[str, Any] = dict(day(market, contract, now_ms))
    renamed = {"lastRp": "closeRp", "indexRp": "indexPriceRp", "markRp": "markPriceRp"}
    row = {renamed.get(name, name): value for name, value in row.items()}
    return row | {"timestamp": now_ms * MS_NS}


def today(market: MarketView, contract: Contract, now_ms: int) -> dict[str, Any]:
    """By the third form, whose names are those of the pack, and the best prices are there."""
    top = market.top(contract.symbol, 1)
    best = {"askRp": plain(top.asks[0][0]), "bidRp": plain(top.bids[0][0])}
    return day(market, contract, now_ms) | best | {"timestamp": now_ms * MS_NS}


def family(market: MarketView) -> list[Contract]:
    """The contracts of this family that trade."""
    return [
        row
        for row in market.symbols.values()
        if isinstance(row, Contract) and decimal_family(row.symbol) and row.status in ("", LISTED)
    ]


class PackFeed(BaseFeed):
    """The days of all contracts in one message: all rows first, then those that changed."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._shown: dict[str, list[str]] = {}

    def _rows(self, now_ms: int) -> dict[str, list[str]]:
        days = (day(self.market, row, now_ms) for row in family(self.market))
        return {each["symbol"]: [each[name] for name in FIELDS] for each in days}

    def _message(self, rows: list[list[str]], kind: str, now_ms: int) -> bytes:
        return orjson.dumps(
            {
                "data": rows,
                "fields": FIELDS,
                "method": "perp_market24h_pack_p.update",
                "timestamp": now_ms * MS_NS,
                "type": kind,
            }
        )

    def greeting(self, now_ms: int) -> list[bytes]:
        self._shown = self._shown or self._rows(now_ms)
        return [self._message([*self._shown.values()], "snapshot", now_ms)]

    def turn(self, now_ms: int) -> list[bytes]:
        before, self._shown = self._shown, self._rows(now_ms)
        changed = [row for name, row in self._shown.items() if before.get(name) != row]
        return [self._message(changed, "incremental", now_ms)] if changed else []


class DecimalTickFeed(BaseFeed):
    """One price or rate, when it changes."""

    RATE_MS = 60_000

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._wanted = one.name.partition("@")[0]
        self._last = ""
        self._again_ms = 0

    def turn(self, now_ms: int) -> list[bytes]:
        contract, mark = self.contract, self.market.mark(self.symbol, now_ms)
        if contract is None or mark is None:
            return []
        names = derived(contract)
        wait_ms = 0
        if self._wanted == self.symbol:
            rows = self.market.candles(self.symbol)
            text = _text(rows[-1].close) if rows else ""
        elif self._wanted in (names.index, names.mark):
            text = plain(mark.index if self._wanted == names.index else mark.mark)
        else:
            text = plain(mark.rate)
            left_ms = FUNDING_S * 1000 - now_ms % (FUNDING_S * 1000)
            wait_ms = self.RATE_MS if self._wanted == names.funding else left_ms
        if not text or text == self._last or now_ms < self._again_ms:
            return []
        self._last, self._again_ms = text, now_ms + wait_ms
        tick = {"last": text, "symbol": self._wanted, "timestamp": now_ms * MS_NS}
        return [orjson.dumps({"tick_p": tick})]


FEEDS: dict[str, Any] = {
    "orderbook_p": DecimalBookFeed,
    "trade_p": DecimalTradeFeed,
    "kline_p": DecimalKlineFeed,
    "perp_market24h_pack_p": PackFeed,
    "tick_p": DecimalTickFeed,
}
"""By channel."""
