"""Phemex's public streams as the venue sends them: order book, trades, candles, day, ticks.

Written from the venue's reference alone. A stream is called ``<symbol>@<channel>`` here, with its
form behind a colon; the wire has no such name. Integers go out scaled, as the venue has them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import orjson

from connector.venues.phemex.sim_listings import (
    FUNDING_S,
    RATIO_SCALE,
    decimal_family,
    derived,
    value_scale,
)
from connector.venues.sim_contract import Candle, Contract, Feed, MarketView, Stream, TradeRow

ROUTE = "ws"
BOOK, TRADE, KLINE, DAY, TICK = "orderbook", "trade", "kline", "market24h", "tick"
DECIMAL, PACK = "_p", "perp_market24h_pack_p"
"""What channels of the second family end with; all its days are one stream."""
PACK_MS = 3000
WINDOW = 30
"""Levels a side of a book unless asked otherwise."""
DEPTHS = (0, 1, 5, 10, 30)
"""Windows that can be asked for; 0 is the usual one without the long form, all with it."""
FAST_MS, LONG_MS, LONG_WINDOW_MS = 20, 100, 120
"""Between two messages of a book: of a window, of a full book, of a window in the long form."""
SNAPSHOT_MS = 60_000
"""Between two full books of a stream."""
TRADES = 1000
"""Rows of a history of trades; candles have as many."""
CANDLES = 1000
INTERVALS_S = (60, 300, 900, 1800, 3600, 14400, 86400, 604800, 2592000, 7776000, 31104000)
DAY_MS = 24 * 3600 * 1000
MS_NS = 1_000_000


# Names


def book_name(symbol: str, levels: int, *, long: bool) -> str:
    """The stream of a book with a window of so many levels, 0: all; ``long``: the slower form."""
    family = DECIMAL if decimal_family(symbol) else ""
    return f"{symbol}@{BOOK}{family}" + ("" if (levels, long) == (WINDOW, False) else f":{levels}"
                                 + ("s" if long else ""))  # fmt: skip


def stream(name: str, symbols: Mapping[str, Any]) -> Stream | None:
    """The stream of that name; None when there is none."""
    symbol, _, rest = name.partition("@")
    kind, _, form = rest.partition(":")
    plain = kind.removesuffix(DECIMAL)
    if plain == TICK:
        contract = priced(symbol, symbols)
        return None if contract is None else Stream(name, contract, kind, (ROUTE,), 1000)
    if symbol not in symbols:
        return None
    if kind == PACK:
        return Stream(name, symbol, kind, (ROUTE,), PACK_MS)
    match plain:
        case "orderbook":
            long = form.endswith("s")
            levels = int(form.rstrip("s")) if form else WINDOW
            period_ms = (LONG_WINDOW_MS if levels else LONG_MS) if long else FAST_MS
            return Stream(name, symbol, kind, (ROUTE,), period_ms, levels)
        case "trade":
            # The book's message of the same moment comes first.
            return Stream(name, symbol, kind, (ROUTE,), FAST_MS, last=True)
        case "kline":
            return Stream(name, symbol, kind, (ROUTE,), 1000, int(form))
        case "market24h":
            return Stream(name, symbol, kind, (ROUTE,), 1000)
        case _:
            return None


def priced(name: str, symbols: Mapping[str, Any]) -> str | None:
    """The contract to which a symbol of the tick channel belongs: a contract or a derived one."""
    if name in symbols:
        return name
    for symbol, row in symbols.items():
        if isinstance(row, Contract) and name in _names(row):
            return symbol
    return None


def _names(row: Contract) -> tuple[str, ...]:
    one = derived(row)
    return (one.index, one.mark, one.funding, one.settled)


_SEQUENCE = b'"sequence":'
STAMPED = {BOOK: "depth", TRADE: "trade"}


def stamped(name: str, payload: bytes) -> tuple[str, int] | None:
    """A message of a book by its sequence, one of trades by the sequence and the place of its
    first row; others have none."""
    symbol, _, rest = name.partition("@")
    kind = rest.partition(":")[0]
    kind = kind.removesuffix(DECIMAL)
    digits = payload.partition(_SEQUENCE)[2].partition(b",")[0]
    if kind not in STAMPED or not digits.isdigit():
        return None
    number = int(digits) << 10 if kind == TRADE else int(digits)
    return f"{symbol.lower()}@{STAMPED[kind]}", number


def feed(one: Stream, market: MarketView) -> Feed | None:
    """What speaks on a stream."""
    match one.kind:
        case "orderbook":
            return BookFeed(one, market)
        case "trade":
            return TradeFeed(one, market)
        case "kline":
            return KlineFeed(one, market)
        case "market24h":
            return DayFeed(one, market)
        case "tick":
            return TickFeed(one, market)
        case _:
            return None


class BaseFeed:
    """What the feeds have in common."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self.symbol, self.levels, self.name = one.symbol, one.levels, one.name
        self.market = market

    @property
    def contract(self) -> Contract | None:
        """None when it is listed no longer, or known from a recording only."""
        row = self.market.symbols.get(self.symbol)
        return row if isinstance(row, Contract) else None

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def turn(self, now_ms: int) -> list[bytes]:
        return []

    def repeat(self) -> None:
        """Most channels repeat nothing."""


# Order book

Levels = dict[str, str]
"""Price to quantity, both scaled."""


class BookFeed(BaseFeed):
    """The best levels: whole at first and every minute, between that what changed among them. A
    level that falls out of the window is deleted in the message that pushes it out, one that comes
    back with it is in the same message."""

    number: Callable[[str], Any] = int
    """What a price counts as."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._again_ms = 0
        self._take()

    def _take(self) -> None:
        row = self.market.top(self.symbol, self.levels)
        self._id, self._time_ms = row.update_id, row.time_ms
        self._bids, self._asks = dict(row.bids), dict(row.asks)

    def greeting(self, now_ms: int) -> list[bytes]:
        self._again_ms = self._again_ms or now_ms + SNAPSHOT_MS
        return [self._whole()]

    def turn(self, now_ms: int) -> list[bytes]:
        made: list[bytes] = []
        last, bids, asks = self._id, self._bids, self._asks
        self._take()
        if self._id < last:
            # The engine counts anew: nothing but a full book can follow.
            self._again_ms = 0
        elif self._id > last:
            asks_now, bids_now = self._changes(asks, self._asks), self._changes(bids, self._bids)
            if asks_now or bids_now:
                made.append(self._message(sorted(asks_now), sorted(bids_now)[::-1], "incremental"))
            else:
                # What changed is outside of the window: nobody is told the new number.
                self._id = last
        if now_ms >= self._again_ms:
            self._again_ms = now_ms + SNAPSHOT_MS
            made.append(self._whole())
        return made

    def repeat(self) -> None:
        self._again_ms = 0

    def _whole(self) -> bytes:
        asks = [(0, price, qty) for price, qty in self._asks.items()]
        bids = [(0, price, qty) for price, qty in self._bids.items()]
        return self._message(asks, bids, "snapshot")

    def _changes(self, before: Levels, now: Levels) -> list[tuple[Any, str, str]]:
        """What is another than before, each with its price as a number."""
        number = self.number
        changed = [(number(p), p, qty) for p, qty in now.items() if before.get(p) != qty]
        return changed + [(number(p), p, "0") for p in before if p not in now]

    def _message(
        self, asks: Iterable[tuple[Any, str, str]], bids: Iterable[tuple[Any, str, str]], kind: str
    ) -> bytes:
        return (
            f'{{"book":{{"asks":[{_levels(asks)}],"bids":[{_levels(bids)}]}},'
            f'"depth":{self.levels},"sequence":{self._id},"symbol":"{self.symbol}",'
            f'"timestamp":{self._time_ms * MS_NS},"type":"{kind}"}}'
        ).encode()


def _levels(levels: Iterable[tuple[Any, str, str]]) -> str:
    return ",".join([f"[{price},{qty}]" for _, price, qty in levels])


def book_body(
    symbol: str, last_id: int, event_ms: int, time_ms: int, bids: str, asks: str
) -> bytes:
    """``result`` of ``GET /md/orderbook``."""
    return (
        f'{{"book":{{"asks":[{asks}],"bids":[{bids}]}},"depth":{WINDOW},"sequence":{last_id},'
        f'"symbol":"{symbol}","timestamp":{time_ms * MS_NS},"type":"snapshot"}}'
    ).encode()


# Trades


def trade_rows(trades: Sequence[TradeRow]) -> tuple[int, list[list[Any]]]:
    """The sequence of the newest trade, and their rows, newest first."""
    rows = [
        [
            row.time_ms * MS_NS,
            "Sell" if row.buyer_is_maker else "Buy",
            int(row.price),
            int(row.qty),
        ]
        for row in reversed(trades)
    ]
    return (trades[-1].update_id or trades[-1].trade_id) if trades else 0, rows


def trade_message(symbol: str, sequence: int, rows: list[list[Any]], kind: str) -> bytes:
    return orjson.dumps({"sequence": sequence, "symbol": symbol, "trades": rows, "type": kind})


class TradeFeed(BaseFeed):
    """The history first, then what trades."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._last = self._newest()

    def _newest(self) -> int:
        trades = self.market.trades(self.symbol)
        return trades[-1].trade_id if trades else 0

    def greeting(self, now_ms: int) -> list[bytes]:
        # Only what the stream has said: a trade that its next message names is no history yet.
        trades = [row for row in self.market.trades(self.symbol) if row.trade_id <= self._last]
        sequence, rows = trade_rows(trades)
        return [trade_message(self.symbol, sequence, rows[:TRADES], "snapshot")]

    def turn(self, now_ms: int) -> list[bytes]:
        fresh = self.market.trades(self.symbol, self._last)
        if not fresh:
            return []
        self._last = fresh[-1].trade_id
        sequence, rows = trade_rows(fresh)
        return [trade_message(self.symbol, sequence, rows, "incremental")]


# Candles


def candles(rows: Sequence[Candle], seconds: int) -> list[Candle]:
    """Minutes put together, oldest first."""
    made: list[Candle] = []
    for row in rows:
        start_ms = row.open_ms - row.open_ms % (seconds * 1000)
        if not made or made[-1].open_ms != start_ms:
            made.append(
                Candle(
                    open_ms=start_ms, open=row.open, high=row.high, low=row.low, close=row.close,
                    first_id=row.first_id, last_id=row.last_id,
                )
            )  # fmt: skip
        last = made[-1]
        last.high, last.low = max(last.high, row.high), min(last.low, row.low)
        last.close, last.last_id = row.close, row.last_id
        last.volume += row.volume
        last.quote += row.quote
    return made


def scaled(number: Decimal, scale: int) -> int:
    """The largest integer that is no more than the number at that scale."""
    return int(number.scaleb(scale).to_integral_value(ROUND_FLOOR))


def candle_row(
    row: Candle, before: Candle | None, seconds: int, price: int, value: int
) -> list[int]:
    """One candle with the scales of prices and values."""
    return [
        row.open_ms // 1000,
        seconds,
        scaled(before.close if before is not None else row.open, price),
        scaled(row.open, price),
        scaled(row.high, price),
        scaled(row.low, price),
        scaled(row.close, price),
        int(row.volume),
        scaled(row.quote, value),
    ]


def kline_rows(market: MarketView, contract: Contract, seconds: int, most: int) -> list[list[int]]:
    """The newest candles, newest first."""
    every = candles(market.candles(contract.symbol), seconds)
    price, value = contract.price_digits, value_scale(contract.settle or contract.quote)
    pairs = zip([None, *every], every, strict=False)
    return [candle_row(row, before, seconds, price, value) for before, row in pairs][::-1][:most]


class KlineFeed(BaseFeed):
    """The history first, then the running candle when it changes."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._last: list[list[int]] = self._rows(2)

    def _rows(self, most: int) -> list[list[int]]:
        contract = self.contract
        return [] if contract is None else kline_rows(self.market, contract, self.levels, most)

    def _message(self, rows: list[list[int]], kind: str) -> bytes:
        sequence, _ = trade_rows(self.market.trades(self.symbol))
        return orjson.dumps(
            {"kline": rows, "sequence": sequence, "symbol": self.symbol, "type": kind}
        )

    def greeting(self, now_ms: int) -> list[bytes]:
        return [self._message(self._rows(CANDLES), "snapshot")]

    def turn(self, now_ms: int) -> list[bytes]:
        before, self._last = self._last, self._rows(2)
        changed = [row for row in self._last if row not in before]
        return [self._message(changed, "incremental")] if changed else []


# The last day, prices and rates


def day(market: MarketView, contract: Contract, now_ms: int) -> dict[str, Any]:
    """The last 24 hours of a contract."""
    rows = [row for row in market.candles(contract.symbol) if row.open_ms > now_ms - DAY_MS]
    mark, price = market.mark(contract.symbol, now_ms), contract.price_digits
    found = {
        "close": scaled(rows[-1].close, price) if rows else 0,
        "fundingRate": _rate(mark.rate) if mark is not None else 0,
        "high": scaled(max(row.high for row in rows), price) if rows else 0,
        "indexPrice": scaled(Decimal(mark.index), price) if mark is not None else 0,
        "low": scaled(min(row.low for row in rows), price) if rows else 0,
        "markPrice": scaled(Decimal(mark.mark), price) if mark is not None else 0,
        "open": scaled(rows[0].open, price) if rows else 0,
        "openInterest": 0,
        "predFundingRate": _rate(mark.rate) if mark is not None else 0,
        "symbol": contract.symbol,
        "turnover": scaled(
            sum((row.quote for row in rows), Decimal(0)),
            value_scale(contract.settle or contract.quote),
        ),
        "volume": int(sum((row.volume for row in rows), Decimal(0))),
    }
    return found


def _rate(text: str) -> int:
    return scaled(Decimal(text), RATIO_SCALE)


class DayFeed(BaseFeed):
    """The last 24 hours, every second."""

    def turn(self, now_ms: int) -> list[bytes]:
        contract = self.contract
        if contract is None:
            return []
        row = day(self.market, contract, now_ms)
        return [orjson.dumps({"market24h": row, "timestamp": now_ms * MS_NS})]


class TickFeed(BaseFeed):
    """One price or rate, when it changes: about once a second, a running rate once a minute, a
    settled one when it is settled."""

    RATE_MS = 60_000

    def __init__(self, one: Stream, market: MarketView) -> None:
        super().__init__(one, market)
        self._wanted = one.name.partition("@")[0]
        self._last: int | None = None
        self._again_ms = 0

    def turn(self, now_ms: int) -> list[bytes]:
        value = self._value(now_ms)
        if value is None or value[0] == self._last or now_ms < self._again_ms:
            return []
        self._last, scale, wait_ms = value
        self._again_ms = now_ms + wait_ms
        tick = {
            "last": self._last,
            "scale": scale,
            "symbol": self._wanted,
            "timestamp": now_ms * MS_NS,
        }
        return [orjson.dumps({"tick": tick})]

    def _value(self, now_ms: int) -> tuple[int, int, int] | None:
        """The number, its scale, and how long it stands at least."""
        contract, mark = self.contract, self.market.mark(self.symbol, now_ms)
        if contract is None:
            return None
        price = contract.price_digits
        if self._wanted == self.symbol:
            rows = self.market.candles(self.symbol)
            return (scaled(rows[-1].close, price), price, 0) if rows else None
        if mark is None:
            return None
        names = derived(contract)
        if self._wanted == names.index:
            return scaled(Decimal(mark.index), price), price, 0
        if self._wanted == names.mark:
            return scaled(Decimal(mark.mark), price), price, 0
        if self._wanted == names.funding:
            return _rate(mark.rate), RATIO_SCALE, self.RATE_MS
        left_ms = FUNDING_S * 1000 - now_ms % (FUNDING_S * 1000)
        return _rate(mark.rate), RATIO_SCALE, left_ms
