"""The market data a venue can be asked for, by the neutral names used in configuration."""

from enum import Enum

from connector.model.records import KlineSource

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


class Channel(Enum):
    """A kind of stream of one instrument."""

    DEPTH = "depth"
    BBO = "bbo"
    TRADE = "trade"
    AGG_TRADE = "agg_trade"
    MARK_PRICE = "mark_price"
    TICKER = "ticker"
    """Statistics of the last 24 hours."""
    MINI_TICKER = "mini_ticker"
    """Prices and sums of them alone."""
    LIQUIDATION = "liquidation"
    INDEX = "index"
    """Index and mark prices by themselves, where the venue has a stream of them."""
    ASSET_INDEX = "asset_index"
    """What the instrument's base asset counts for as margin."""
    COMPOSITE_INDEX = "composite_index"
    CONTRACT = "contract"
    """Listings, changes and ends of contracts as the venue tells them."""
    DEPTH_5 = "depth_5"
    """The best five levels a side, all of them each time, beside the book."""
    DEPTH_10 = "depth_10"
    DEPTH_20 = "depth_20"
    HIDDEN_DEPTH = "hidden_depth"
    """Changes of the book that has the orders, too, which ``depth`` leaves out."""
    MARKET_HOURS = "market_hours"
    """Sessions of the markets below contracts on shares and commodities."""

    # Candles, with the length as venues write it: m, h, d, w, M (month), Q (quarter), Y.
    KLINE_1m = "kline_1m"
    KLINE_3m = "kline_3m"
    KLINE_5m = "kline_5m"
    KLINE_15m = "kline_15m"
    KLINE_30m = "kline_30m"
    KLINE_1h = "kline_1h"
    KLINE_2h = "kline_2h"
    KLINE_4h = "kline_4h"
    KLINE_6h = "kline_6h"
    KLINE_8h = "kline_8h"
    KLINE_12h = "kline_12h"
    KLINE_1d = "kline_1d"
    KLINE_3d = "kline_3d"
    KLINE_1w = "kline_1w"
    KLINE_1M = "kline_1M"
    KLINE_1Q = "kline_1Q"
    KLINE_1Y = "kline_1Y"

    # The same of whichever contract is the pair's perpetual, current or next quarter's.
    CONTINUOUS_KLINE_1m = "continuous_kline_1m"
    CONTINUOUS_KLINE_3m = "continuous_kline_3m"
    CONTINUOUS_KLINE_5m = "continuous_kline_5m"
    CONTINUOUS_KLINE_15m = "continuous_kline_15m"
    CONTINUOUS_KLINE_30m = "continuous_kline_30m"
    CONTINUOUS_KLINE_1h = "continuous_kline_1h"
    CONTINUOUS_KLINE_2h = "continuous_kline_2h"
    CONTINUOUS_KLINE_4h = "continuous_kline_4h"
    CONTINUOUS_KLINE_6h = "continuous_kline_6h"
    CONTINUOUS_KLINE_8h = "continuous_kline_8h"
    CONTINUOUS_KLINE_12h = "continuous_kline_12h"
    CONTINUOUS_KLINE_1d = "continuous_kline_1d"
    CONTINUOUS_KLINE_3d = "continuous_kline_3d"
    CONTINUOUS_KLINE_1w = "continuous_kline_1w"
    CONTINUOUS_KLINE_1M = "continuous_kline_1M"


INTERVALS_S = {
    "1m": MINUTE_S,
    "3m": 3 * MINUTE_S,
    "5m": 5 * MINUTE_S,
    "15m": 15 * MINUTE_S,
    "30m": 30 * MINUTE_S,
    "1h": HOUR_S,
    "2h": 2 * HOUR_S,
    "4h": 4 * HOUR_S,
    "6h": 6 * HOUR_S,
    "8h": 8 * HOUR_S,
    "12h": 12 * HOUR_S,
    "1d": DAY_S,
    "3d": 3 * DAY_S,
    "1w": 7 * DAY_S,
    "1M": 30 * DAY_S,
    "1Q": 90 * DAY_S,
    "1Y": 360 * DAY_S,
}
"""Seconds by the name of an interval; of months and longer ones a number that stands for it."""


def _of(prefix: str) -> dict[Channel, str]:
    names = ((one, one.value.removeprefix(prefix)) for one in Channel)
    return {one: name for one, name in names if name != one.value}


KLINES = _of("kline_")
"""Channels of candles and the names of their intervals."""
CONTINUOUS_KLINES = _of("continuous_kline_")
DEPTH_VIEWS = {Channel.DEPTH_5: 5, Channel.DEPTH_10: 10, Channel.DEPTH_20: 20}
"""Channels of a book's top and its levels a side."""


def kline_channel(interval_s: int, source: KlineSource) -> Channel:
    """The channel of candles of that length; ValueError: there is none."""
    known = CONTINUOUS_KLINES if source is KlineSource.CONTINUOUS else KLINES
    for channel, name in known.items():
        if INTERVALS_S[name] == interval_s:
            return channel
    raise ValueError(f"no candles of {interval_s} s")
