"""The market ring's records of streams beside book, trades and mark prices, from their events."""

from collections.abc import Callable
from typing import Any

import msgspec

from connector.model.packing import Layout, layout
from connector.model.records import ALIGN, DepthViewKind, IndexKind, RecordType
from connector.model.states import FeedKind
from connector.venues.channels import DEPTH_VIEWS, Channel, kline_channel
from connector.venues.contract import (
    ContractInfo,
    DepthLevels,
    Index,
    Kline,
    Liquidation,
    MarketHours,
    StreamEvent,
    Ticker,
)

_OF_HEADER = {"symbol", "venue_ns", "update_id"}
_COMPONENT, _BRACKET = layout("Component"), layout("Bracket")


class Body:
    """How events of one type become records."""

    def __init__(
        self,
        type: RecordType,
        kind: FeedKind,
        name: str,
        channel: Callable[[Any], Channel],
        rest: Callable[[Any], tuple[dict[str, Any], bytes]] = lambda event: ({}, b""),
    ) -> None:
        self.type, self.kind, self.channel = type, kind, channel
        self._layout: Layout = layout(name)
        self._rest = rest

    def pack(self, event: StreamEvent) -> bytes:
        """The record's body; ValueError naming what does not fit."""
        told = msgspec.structs.asdict(event)
        counts, rest = self._rest(event)
        told = {name: value for name, value in told.items() if name not in _OF_HEADER} | counts
        for name in [name for name, value in told.items() if isinstance(value, list | tuple)]:
            if name not in counts:
                del told[name]
        return self._layout.pack(**told) + rest + bytes(-len(rest) % ALIGN)


def _components(event: Index) -> tuple[dict[str, Any], bytes]:
    rows = [_COMPONENT.pack(**msgspec.structs.asdict(row)) for row in event.components]
    return {"components": len(rows)}, b"".join(rows)


def _brackets(event: ContractInfo) -> tuple[dict[str, Any], bytes]:
    rows = [_BRACKET.pack(**msgspec.structs.asdict(row)) for row in event.brackets]
    return {"brackets": len(rows)}, b"".join(rows)


def _levels(event: DepthLevels) -> tuple[dict[str, Any], bytes]:
    levels = b"".join(value.to_bytes(8, "little", signed=True) for value in event.bids + event.asks)
    return {"bids": len(event.bids) // 2, "asks": len(event.asks) // 2}, levels


_INDEXES = {
    IndexKind.ASSET: Channel.ASSET_INDEX,
    IndexKind.COMPOSITE: Channel.COMPOSITE_INDEX,
}
_TOPS = {levels: channel for channel, levels in DEPTH_VIEWS.items()}

BODIES: dict[type[StreamEvent], Body] = {
    Kline: Body(
        RecordType.KLINE,
        FeedKind.KLINE,
        "KlineBody",
        lambda event: kline_channel(event.interval_s, event.source),
    ),
    Ticker: Body(
        RecordType.TICKER,
        FeedKind.TICKER,
        "TickerBody",
        lambda event: Channel.MINI_TICKER if event.mini else Channel.TICKER,
    ),
    Index: Body(
        RecordType.INDEX,
        FeedKind.INDEX,
        "IndexBody",
        lambda event: _INDEXES.get(event.kind, Channel.INDEX),
        _components,
    ),
    Liquidation: Body(
        RecordType.LIQUIDATION,
        FeedKind.LIQUIDATION,
        "LiquidationBody",
        lambda event: Channel.LIQUIDATION,
    ),
    ContractInfo: Body(
        RecordType.CONTRACT,
        FeedKind.CONTRACT,
        "ContractBody",
        lambda event: Channel.CONTRACT,
        _brackets,
    ),
    DepthLevels: Body(
        RecordType.DEPTH_VIEW,
        FeedKind.DEPTH_VIEW,
        "DepthViewBody",
        lambda event: (
            Channel.HIDDEN_DEPTH if event.view is DepthViewKind.HIDDEN else _TOPS[event.levels]
        ),
        _levels,
    ),
    MarketHours: Body(
        RecordType.MARKET_HOURS,
        FeedKind.MARKET_HOURS,
        "MarketHoursBody",
        lambda event: Channel.MARKET_HOURS,
    ),
}
"""By the type of the event."""


def order(event: StreamEvent) -> tuple[int, ...]:
    """What rises from message to message of one stream."""
    if isinstance(event, Kline):
        return event.open_ns, event.update_id, event.venue_ns
    if isinstance(event, DepthLevels):
        return event.update_id, event.venue_ns
    return event.venue_ns, event.update_id


def thread(event: StreamEvent) -> str:
    """Events of one channel that have another name of this are of streams of their own."""
    if isinstance(event, MarketHours):
        return event.market
    return event.name if isinstance(event, Index) else ""
