"""The venue's own section of the configuration, with the reason for each default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Url = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^\s?#]+$")]


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[venues.binance_usdm]``."""

    rest_url: Url = "https://fapi.binance.com"
    ws_url: Url = "wss://fstream.binance.com"
    ws_api_url: Url = "wss://ws-fapi.binance.com/ws-fapi/v1"
    """The WebSocket order API, with its path."""
    depth_speed: Literal["0ms", "100ms", "250ms", "500ms"] = "0ms"
    """How often depth messages come. 0ms is the fastest and no longer documented; 100ms is."""
    mark_price_speed: Literal["1s", "3s"] = "1s"
    depth_view_speed: Literal["0ms", "100ms", "250ms", "500ms"] = "250ms"
    """Of the channels that bring a book's top, all of it each time; 0ms as of depth messages."""
    whole_market: tuple[
        Literal["mark_price", "ticker", "mini_ticker", "bbo", "liquidation", "asset_index"], ...
    ] = ()
    """Channels that come on the venue's one stream of all symbols in place of one stream each:
    fewer streams where hundreds of instruments are served, but the best prices then come only every
    five seconds, and what is not served is read for nothing."""
    trade_route: Literal["public", "market"] = "public"
    """Which URL class serves ``@trade``: the venue documents neither (NOTES.md)."""
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5000
    """How long after its timestamp the venue may still execute a request; the venue's own default.
    What is unknown is found out sooner with a shorter one, and a slow answer refused."""
    snapshot_limit: Literal[5, 10, 20, 50, 100, 500, 1000] = 1000
    """Levels a side in a snapshot; 1000 costs weight 20 and is what the venue's own steps ask."""
    lines: Annotated[int, Meta(ge=1, le=4)] = 1
    """Connections that serve the same depth stream at once."""
