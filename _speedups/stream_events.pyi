"""What a strategy is handed of the market beside book, trades and mark prices.

``*_e`` are exact integers, the same name without it is the nearest float (nan: the venue did not
give it). Prices have the instrument's ``price_exponent``; sums of quantities and values have the
event's own exponents, since they may not fit the instrument's. Times are nanoseconds, Unix."""

from decimal import Decimal
from enum import IntEnum
from typing import Any, ClassVar, final

from connector._speedups.events import Event
from connector.model.instrument import ContractType, Status
from connector.model.intents import OrderType, TimeInForce
from connector.model.records import DepthViewKind, IndexKind, KlineSource, Side
from connector.model.reports import OrderStatus

def use_enums(**enums: type[IntEnum]) -> None: ...

class StreamEvent(Event):
    """One record of a stream beside book, trades and mark prices."""

@final
class Kline(StreamEvent):
    """What an interval's trades come to so far (channels ``kline_*``, ``continuous_kline_*``)."""

    type: ClassVar[str]
    @property
    def interval_s(self) -> int:
        """Seconds; 2,592,000 is a month, 7,776,000 a quarter, 31,104,000 a year."""
    @property
    def open_ns(self) -> int:
        """When the interval begins."""
    @property
    def end_ns(self) -> int:
        """When the next one begins."""
    @property
    def closed(self) -> bool:
        """The venue says that it is over; False is no promise that it goes on."""
    @property
    def backfill(self) -> bool:
        """From before the subscription."""
    @property
    def source(self) -> KlineSource: ...
    @property
    def open_e(self) -> int: ...
    @property
    def open(self) -> float: ...
    @property
    def high_e(self) -> int: ...
    @property
    def high(self) -> float: ...
    @property
    def low_e(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def close_e(self) -> int:
        """The last price so far."""
    @property
    def close(self) -> float: ...
    @property
    def last_close_e(self) -> int:
        """The last price of the interval before."""
    @property
    def last_close(self) -> float: ...
    @property
    def qty_exponent(self) -> int:
        """Scale of this event's quantities."""
    @property
    def qty_e(self) -> int:
        """Quantity traded."""
    @property
    def qty(self) -> float: ...
    @property
    def buy_qty_e(self) -> int:
        """Of it what aggressors bought."""
    @property
    def buy_qty(self) -> float: ...
    @property
    def value_exponent(self) -> int:
        """Scale of this event's values."""
    @property
    def value_e(self) -> int:
        """Price times quantity of all trades, as the venue values contracts."""
    @property
    def value(self) -> float: ...
    @property
    def buy_value_e(self) -> int: ...
    @property
    def buy_value(self) -> float: ...
    @property
    def trades(self) -> int | None:
        """How many."""
    @property
    def first_trade_id(self) -> int | None: ...
    @property
    def last_trade_id(self) -> int | None: ...

@final
class Ticker(StreamEvent):
    """Statistics of a rolling window, usually 24 hours (channels ``ticker``, ``mini_ticker``)."""

    type: ClassVar[str]
    @property
    def mini(self) -> bool:
        """Of the stream that gives prices and sums alone."""
    @property
    def open_ns(self) -> int | None:
        """Where the window begins."""
    @property
    def close_ns(self) -> int | None: ...
    @property
    def open_e(self) -> int: ...
    @property
    def open(self) -> float: ...
    @property
    def high_e(self) -> int: ...
    @property
    def high(self) -> float: ...
    @property
    def low_e(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def last_e(self) -> int: ...
    @property
    def last(self) -> float: ...
    @property
    def change(self) -> float:
        """``last`` less ``open``."""
    @property
    def average_e(self) -> int:
        """Mean price weighted by quantity, in 10^-8."""
    @property
    def average(self) -> float: ...
    @property
    def qty_exponent(self) -> int:
        """Scale of this event's quantities."""
    @property
    def qty_e(self) -> int:
        """Quantity traded."""
    @property
    def qty(self) -> float: ...
    @property
    def last_qty_e(self) -> int:
        """The last trade's quantity."""
    @property
    def last_qty(self) -> float: ...
    @property
    def open_interest_e(self) -> int: ...
    @property
    def open_interest(self) -> float: ...
    @property
    def value_exponent(self) -> int:
        """Scale of this event's value."""
    @property
    def value_e(self) -> int:
        """Price times quantity of all trades, as the venue values contracts."""
    @property
    def value(self) -> float: ...
    @property
    def trades(self) -> int | None:
        """How many."""
    @property
    def first_trade_id(self) -> int | None: ...
    @property
    def last_trade_id(self) -> int | None: ...

@final
class Index(StreamEvent):
    """A number the venue computes (channels ``index``, ``asset_index``, ``composite_index``)."""

    type: ClassVar[str]
    @property
    def kind(self) -> IndexKind: ...
    @property
    def name(self) -> str:
        """The venue's name of it."""
    @property
    def value_e(self) -> int:
        """In 10^-8."""
    @property
    def value(self) -> float: ...
    @property
    def margin(self) -> tuple[float, float, float, float] | None:
        """Of an asset that counts as margin: the share taken off what one has and the share put on
        what one owes, then the value less and the value and that share; None: not of an asset."""
    @property
    def auto_margin(self) -> tuple[float, float, float, float] | None:
        """The same where the venue exchanges by itself."""
    @property
    def components(self) -> list[dict[str, Any]]:
        """What a composite index is made of: ``base``, ``quote``, and as exact Decimals
        ``quantity``, ``share``, ``price``."""

@final
class Liquidation(StreamEvent):
    """An order by which the venue closed somebody's position (channel ``liquidation``)."""

    type: ClassVar[str]
    @property
    def side(self) -> Side: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def time_in_force(self) -> TimeInForce: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def price_e(self) -> int: ...
    @property
    def price(self) -> float: ...
    @property
    def average_e(self) -> int:
        """The price it was filled at, in 10^-8."""
    @property
    def average(self) -> float: ...
    @property
    def qty_e(self) -> int:
        """In the instrument's ``qty_exponent``, as are the next two."""
    @property
    def qty(self) -> float: ...
    @property
    def last_qty_e(self) -> int: ...
    @property
    def last_qty(self) -> float: ...
    @property
    def filled_qty_e(self) -> int: ...
    @property
    def filled_qty(self) -> float: ...
    @property
    def transaction_ns(self) -> int: ...

@final
class Contract(StreamEvent):
    """A contract is listed, changed or over (channel ``contract``); ``instrument`` follows with an
    ``InstrumentChange``."""

    type: ClassVar[str]
    @property
    def status(self) -> Status: ...
    @property
    def contract(self) -> ContractType: ...
    @property
    def onboard_ns(self) -> int: ...
    @property
    def delivery_ns(self) -> int: ...
    @property
    def brackets(self) -> list[dict[str, int | Decimal]]:
        """Where they changed: ``number``, ``min_leverage``, ``max_leverage``, and as exact Decimals
        ``floor``, ``cap``, ``maintenance``, ``deduction``."""

@final
class DepthView(StreamEvent):
    """Levels beside the book (channels ``depth_5``, ``depth_10``, ``depth_20``, ``hidden_depth``).

    A quantity of 0 deletes where ``view`` is HIDDEN."""

    type: ClassVar[str]
    @property
    def view(self) -> DepthViewKind: ...
    @property
    def levels(self) -> int:
        """Most levels of a side; 0: any."""
    @property
    def first_id(self) -> int: ...
    @property
    def prev_id(self) -> int: ...
    @property
    def transaction_ns(self) -> int: ...
    @property
    def bids(self) -> list[tuple[float, float]]: ...
    @property
    def asks(self) -> list[tuple[float, float]]: ...
    @property
    def bids_e(self) -> list[tuple[int, int]]: ...
    @property
    def asks_e(self) -> list[tuple[int, int]]: ...

@final
class MarketHours(StreamEvent):
    """The session of the market below a contract on shares or commodities (channel
    ``market_hours``)."""

    type: ClassVar[str]
    @property
    def market(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def open_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...
