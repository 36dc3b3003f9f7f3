"""What venues tell of the market beside book, trades and mark prices, in neutral numbers.

Each event becomes one record of the market ring (drawn in ``_speedups/layout_streams.pxd``, which
says what each number means and in which unit). What the venue did not give is ``ABSENT``.
``symbol`` is the instrument's, or the name that its subscription is ``about``. ``update_id`` is the
venue's number of the message, 0 where it has none."""

from msgspec import Struct

from connector.model.instrument import ABSENT, ContractType, Status
from connector.model.records import DepthViewKind, IndexKind, KlineSource


class Kline(Struct, frozen=True, gc=False, kw_only=True):
    """An interval's trades so far."""

    symbol: str
    venue_ns: int
    interval_s: int
    """As in ``channels.INTERVALS_S``."""
    open_ns: int
    end_ns: int
    """Where the next interval begins."""
    open_e: int
    high_e: int
    low_e: int
    close_e: int
    last_close_e: int = ABSENT
    qty_exponent: int
    """Scale of this event's quantities: sums may not fit the instrument's."""
    qty_e: int
    buy_qty_e: int = ABSENT
    value_exponent: int = 0
    value_e: int = ABSENT
    buy_value_e: int = ABSENT
    trades: int = ABSENT
    first_trade_id: int = ABSENT
    last_trade_id: int = ABSENT
    closed: bool = False
    """The venue says that the interval is over. False is no promise that it goes on."""
    backfill: bool = False
    """From before the subscription."""
    source: KlineSource = KlineSource.TRADES
    update_id: int = 0


class Ticker(Struct, frozen=True, gc=False, kw_only=True):
    """Statistics of a rolling window."""

    symbol: str
    venue_ns: int
    open_e: int
    high_e: int
    low_e: int
    last_e: int
    average_e: int = ABSENT
    """In 10^-MARK_EXPONENT."""
    qty_exponent: int
    """Scale of this event's quantities: sums may not fit the instrument's."""
    last_qty_e: int = ABSENT
    qty_e: int
    open_interest_e: int = ABSENT
    value_exponent: int = 0
    value_e: int = ABSENT
    open_ns: int = ABSENT
    close_ns: int = ABSENT
    first_trade_id: int = ABSENT
    last_trade_id: int = ABSENT
    trades: int = ABSENT
    mini: bool = False
    update_id: int = 0


class Component(Struct, frozen=True, gc=False, kw_only=True):
    """One asset of a composite index; numbers in 10^-8."""

    base: str
    quote: str = ""
    quantity_e: int
    share_e: int
    price_e: int = ABSENT


class Index(Struct, frozen=True, kw_only=True):
    """A number the venue computes."""

    symbol: str
    venue_ns: int
    kind: IndexKind
    name: str
    """The venue's name of it, at most 32 bytes."""
    value_e: int
    """In 10^-MARK_EXPONENT; rates in 10^-RATE_EXPONENT."""
    bid_buffer_e: int = ABSENT
    ask_buffer_e: int = ABSENT
    bid_rate_e: int = ABSENT
    ask_rate_e: int = ABSENT
    auto_bid_buffer_e: int = ABSENT
    auto_ask_buffer_e: int = ABSENT
    auto_bid_rate_e: int = ABSENT
    auto_ask_rate_e: int = ABSENT
    components: tuple[Component, ...] = ()
    update_id: int = 0


class Liquidation(Struct, frozen=True, gc=False, kw_only=True):
    """An order by which the venue closed somebody's position; words as the order path has them."""

    symbol: str
    venue_ns: int
    transaction_ns: int
    side: int
    order_type: int
    """0: one the order path has no word for, as is the next."""
    time_in_force: int
    status: int
    """As ``reports.OrderStatus``, of the order itself."""
    price_e: int
    average_e: int = ABSENT
    """In 10^-MARK_EXPONENT."""
    qty_e: int
    last_qty_e: int
    filled_qty_e: int
    update_id: int = 0


class Bracket(Struct, frozen=True, gc=False, kw_only=True):
    """A risk bracket; notionals and rates in 10^-8."""

    number: int
    floor_e: int
    cap_e: int
    """ABSENT: there is none."""
    maintenance_e: int
    deduction_e: int
    min_leverage: int
    max_leverage: int


class ContractInfo(Struct, frozen=True, kw_only=True):
    """A contract is listed, changed or over."""

    symbol: str
    venue_ns: int
    status: Status
    contract: ContractType
    onboard_ns: int
    delivery_ns: int
    brackets: tuple[Bracket, ...] = ()
    """Only where they changed."""
    update_id: int = 0


class DepthLevels(Struct, frozen=True, kw_only=True):
    """Levels beside the book, flat ``[price_e, qty_e, ...]`` sides."""

    symbol: str
    venue_ns: int
    view: DepthViewKind
    levels: int
    """Most levels of a side; 0: any."""
    first_id: int
    update_id: int
    prev_id: int
    transaction_ns: int
    bids: list[int]
    asks: list[int]


class MarketHours(Struct, frozen=True, gc=False, kw_only=True):
    """The session of a market below contracts on shares or commodities."""

    symbol: str
    venue_ns: int
    market: str
    """At most 32 bytes, as is the next."""
    session: str
    open_ns: int
    end_ns: int
    update_id: int = 0


StreamEvent = Kline | Ticker | Index | Liquidation | ContractInfo | DepthLevels | MarketHours
