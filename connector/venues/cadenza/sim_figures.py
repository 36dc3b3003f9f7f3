"""What Cadenza's channels of tickers and candles say, in today's state; January's has none.

Written from the venue's reference alone. Both speak each second, of what has changed."""

from typing import Any

import orjson

from connector.venues.cadenza.sim_market import INTERVAL_MS, kline_row, ticker_row
from connector.venues.sim_contract import Contract, MarketView, Stream

TICKER, KLINE = "market:ticker:", "market:kline:"
PERIOD_MS = 1000


def stream(name: str, symbols: Any, route: str) -> Stream | None:
    """The stream behind such a channel; None when there is none."""
    if name.startswith(TICKER) and name.removeprefix(TICKER) in symbols:
        return Stream(name, name.removeprefix(TICKER), TICKER, (route,), PERIOD_MS)
    symbol, _, interval = name.removeprefix(KLINE).rpartition(":")
    if name.startswith(KLINE) and symbol in symbols and interval in INTERVAL_MS:
        return Stream(name, symbol, KLINE, (route,), PERIOD_MS)
    return None


class FigureFeed:
    """One instrument's ticker, or its newest candle."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self.symbol, self.market = one.symbol, market
        self._interval = one.name.rpartition(":")[2] if one.kind == KLINE else ""
        self._said: dict[str, Any] = {}

    def greeting(self, now_ms: int) -> list[bytes]:
        """Nobody is greeted."""
        return []

    def repeat(self) -> None:
        self._said = {}

    def turn(self, now_ms: int) -> list[bytes]:
        row = self.market.symbols.get(self.symbol)
        if not isinstance(row, Contract):
            return []
        if self._interval:
            body = kline_row(self.market, row, self._interval, now_ms, 0, now_ms, 1)
        else:
            body = ticker_row(self.market, row, now_ms)
        told = {name: value for name, value in body.items() if name != "timestamp"}
        if told == self._said:
            return []
        self._said = told
        return [orjson.dumps(body)]
