"""The venue's streams beside book, trades and mark price, as it sends them.

Written from the venue's reference alone. Each is a `Feed`: asked every period what it has to say.
"""

from decimal import Decimal
from itertools import takewhile

from connector.venues.binance_usdm.sim_candles import LENGTHS, begins_ms, ends_ms, whole
from connector.venues.sim_contract import Candle, Feed, MarketView, Stream

KLINE, CONTINUOUS = "kline", "continuousKline"
CANDLE_MS = 250


def stream(name: str, symbol: str, kind: str, route: str) -> Stream | None:
    """The stream of that name, its symbol and its kind known; None when there is none."""
    base, _, interval = kind.partition("_")
    if base in (KLINE, CONTINUOUS):
        return Stream(name, symbol, base, (route,), CANDLE_MS) if interval in LENGTHS else None
    return None


def feed(one: Stream, market: MarketView) -> Feed | None:
    """What speaks on a stream."""
    if one.kind in (KLINE, CONTINUOUS):
        return CandleFeed(one, market)
    return None


class CandleFeed:
    """A candle after each trade, at most every 250 ms, and once more when it is over."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self._symbol, self._market = one.symbol, market
        self._continuous = one.kind == CONTINUOUS
        self._interval = one.name.rpartition("_")[2]
        self._told: Candle | None = None
        """As last told, while its interval lasts."""

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def repeat(self) -> None:
        """Nothing is said again."""

    def turn(self, now_ms: int) -> list[bytes]:
        minutes = self._market.candles(self._symbol)
        if not minutes:
            return []
        said = []
        begin_ms = begins_ms(minutes[-1].open_ms, self._interval)
        told = self._told
        if told is not None and ends_ms(told.open_ms, self._interval) <= now_ms:
            rows = [
                row for row in minutes if begins_ms(row.open_ms, self._interval) == told.open_ms
            ]
            last = whole(told.open_ms, rows) if rows else told
            said.append(self._say(last, now_ms, closed=True))
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
        symbol, last_ms = self._symbol, ends_ms(row.open_ms, self._interval) - 1
        name = "" if self._continuous else f'"s":"{symbol}",'
        candle = (
            f'"t":{row.open_ms},"T":{last_ms},{name}"i":"{self._interval}","f":{row.first_id},'
            f'"L":{row.last_id},"o":"{_text(row.open)}","c":"{_text(row.close)}",'
            f'"h":"{_text(row.high)}","l":"{_text(row.low)}","v":"{_text(row.volume)}",'
            f'"n":{row.count},"x":{"true" if closed else "false"},"q":"{_text(row.quote)}",'
            f'"V":"{_text(row.buy_volume)}","Q":"{_text(row.buy_quote)}","B":"0"'
        )
        if self._continuous:
            head = f'"e":"continuous_kline","E":{now_ms},"ps":"{symbol}","ct":"PERPETUAL"'
        else:
            head = f'"e":"kline","E":{now_ms},"s":"{symbol}"'
        return f'{{{head},"k":{{{candle}}},"st":1}}'.encode()


def _text(value: Decimal) -> str:
    return f"{value:f}"
