"""connector: exchange feeds and orders for strategies on the same machine, through shared memory.

Two paths, and everything else serves them::

    market   socket → listener → codec → book → market ring + top table → strategy
    orders   strategy → command ring → gateway → risk → encode+sign → wire
             wire → tracker → journal → report ring → strategy

A strategy::

    import connector

    with connector.attach(strategy="demo") as session:
        btc = session.instruments["BinanceU", "BTCUSDT"]
        for event in session:                      # spins; session.wait() sleeps on the doorbell
            if isinstance(event, connector.Trade) and event.instrument is btc:
                print(event.price, event.qty, session.top(btc).bbo().bid_price)
"""

from connector._speedups.account_events import (
    AccountConfig,
    BalanceUpdate,
    MarginCall,
    PositionUpdate,
    SnapshotBegin,
    SnapshotEnd,
)
from connector._speedups.cells import Top, TopBbo, TopLevels, TopTrade
from connector._speedups.commands import Ticket
from connector._speedups.events import (
    Bbo,
    BookDelta,
    Event,
    FeedState,
    Instrument,
    InstrumentChange,
    MarkPrice,
    Trade,
    Unknown,
)
from connector._speedups.order_events import CommandAnswer, FillDetail, OrderReport
from connector._speedups.reader import FullBook
from connector._speedups.stream_events import (
    Contract,
    DepthView,
    Index,
    Kline,
    Liquidation,
    MarketHours,
    Ticker,
)
from connector._speedups.view import RecordView
from connector.errors import AttachError, ConnectorError, EpochChanged, Full, Stalled
from connector.ipc.called import CallAnswer, PendingCall
from connector.ipc.client import Session
from connector.ipc.listed import Instruments
from connector.ipc.subscribe import Subscribed
from connector.ipc.trader import TradingSession, attach
from connector.model.instrument import ContractType, Status
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.records import IndexKind, KlineSource, RecordType, Side
from connector.model.reports import OrderStatus, Result, Update
from connector.model.states import FeedKind, Reason, State
from connector.model.version import __version__

__all__ = [
    "AccountConfig",
    "AttachError",
    "BalanceUpdate",
    "Bbo",
    "BookDelta",
    "CallAnswer",
    "CommandAnswer",
    "ConnectorError",
    "Contract",
    "ContractType",
    "DepthView",
    "EpochChanged",
    "Event",
    "FeedKind",
    "FeedState",
    "FillDetail",
    "Full",
    "FullBook",
    "Index",
    "IndexKind",
    "Instrument",
    "InstrumentChange",
    "Instruments",
    "Kline",
    "KlineSource",
    "Liquidation",
    "MarginCall",
    "MarkPrice",
    "MarketHours",
    "OrderReport",
    "OrderStatus",
    "OrderType",
    "PendingCall",
    "PositionSide",
    "PositionUpdate",
    "Reason",
    "RecordType",
    "RecordView",
    "Result",
    "Session",
    "Side",
    "SnapshotBegin",
    "SnapshotEnd",
    "Stalled",
    "State",
    "Status",
    "Subscribed",
    "Ticker",
    "Ticket",
    "TimeInForce",
    "Top",
    "TopBbo",
    "TopLevels",
    "TopTrade",
    "Trade",
    "TradingSession",
    "Unknown",
    "Update",
    "__version__",
    "attach",
]
