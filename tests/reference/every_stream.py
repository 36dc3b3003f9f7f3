"""Every stream of Binance USD-M that can be configured."""

import itertools

from connector.model.instrument import Instrument
from connector.venues.binance_usdm import VENUE

WHOLE = {"mark_price", "ticker", "mini_ticker", "bbo", "liquidation", "asset_index"}


def every_stream(one: Instrument) -> dict[str, str]:
    """The streams' names → the routes they are asked for on."""
    had: dict[str, str] = {}
    for speed, mark, market in itertools.product(
        ("0ms", "100ms", "250ms", "500ms"), ("1s", "3s"), (set(), WHOLE)
    ):
        options = {"depth_speed": speed, "depth_view_speed": speed, "mark_price_speed": mark}
        for route in VENUE.routes:
            for channel in route.channels:
                row = VENUE.subscription(one, channel, options | {"whole_market": market})
                assert had.setdefault(row.stream, route.name) == route.name
    return had
