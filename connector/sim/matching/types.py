"""What the matching engine is asked and what it keeps: numbers, names, records.

Venue-neutral and exact. A price is a whole number of ticks (``tick``), a quantity a whole number of
lots (``lots``). Money (``_m``) is in units of 1e-8 of the symbol's settlement asset, the smallest
amount a wallet can change by. Prices that are not on the grid (mark, average, entry; ``_e8``) are
in units of 1e-8, and so are ratios (``_r``): a fee of 0.04 % is 40_000. Times (``_ns``) are the
venue's wall clock in nanoseconds.
"""

from enum import Enum, IntEnum, auto

from msgspec import Struct

RATIO = 100_000_000
"""One, in the unit of ratios; also units of money in one of its asset."""
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


class Side(IntEnum):
    BUY = 0
    SELL = 1


class PositionSide(IntEnum):
    BOTH = 0
    """One-way mode: one position a symbol, negative when short."""
    LONG = 1
    SHORT = 2


class OrderType(IntEnum):
    LIMIT = 0
    MARKET = 1
    STOP = 2
    """Conditional; becomes LIMIT."""
    STOP_MARKET = 3
    TAKE_PROFIT = 4
    """Conditional; becomes LIMIT."""
    TAKE_PROFIT_MARKET = 5
    TRAILING_STOP_MARKET = 6
    LIQUIDATION = 7
    """The venue's own, to close what its owner cannot pay for."""


class Tif(IntEnum):
    """Time in force."""

    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3
    """Post only."""
    GTD = 4
    GTE_GTC = 5
    """Good till cancelled or till the position is gone; conditional orders only."""


class Stp(IntEnum):
    """Self-trade prevention; the taker's mode decides, and only if it is not FOK or GTX."""

    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3


class PriceMatch(IntEnum):
    """Take the price from the book when the order arrives; QUEUE_5: the fifth level of its side."""

    NONE = 0
    OPPONENT = 1
    OPPONENT_5 = 2
    OPPONENT_10 = 3
    OPPONENT_20 = 4
    QUEUE = 5
    QUEUE_5 = 6
    QUEUE_10 = 7
    QUEUE_20 = 8


class WorkingType(IntEnum):
    """The price that triggers a conditional order."""

    CONTRACT_PRICE = 0
    """The last trade's."""
    MARK_PRICE = 1


class MarginType(IntEnum):
    CROSSED = 0
    ISOLATED = 1


class Status(IntEnum):
    """Of an order in the matching engine."""

    NEW = 0
    PARTIALLY_FILLED = 1
    FILLED = 2
    CANCELED = 3
    EXPIRED = 4
    EXPIRED_IN_MATCH = 5
    """By self-trade prevention."""


class AlgoStatus(IntEnum):
    """Of a conditional order."""

    NEW = 0
    TRIGGERING = 1
    TRIGGERED = 2
    """The order it became is in the matching engine."""
    FINISHED = 3
    """That order is filled or otherwise at its end."""
    CANCELED = 4
    REJECTED = 5
    """The matching engine refused the order it became."""
    EXPIRED = 6


class Cause(IntEnum):
    """Why an order ended without being filled."""

    NONE = 0
    USER = 1
    """Cancelled by its owner."""
    COUNTDOWN = 2
    """Cancelled because its owner did not renew the countdown."""
    AMEND = 3
    """Cancelled by an amend: total quantity at or below the filled one, or post-only that takes."""
    STP = 4
    IOC = 5
    """The remainder of an IOC order."""
    IOC_STP = 6
    """The remainder of an IOC order that self-trade prevention stopped."""
    MARKET = 7
    """The remainder of a market order: no liquidity, or none within the bound."""
    REDUCE_ONLY = 8
    """Displaced by a better reduce-only order, or it would reverse the position."""
    LIQUIDATION = 9
    GTD = 10
    POSITION_GONE = 11
    """Of a conditional order that lives by the position (GTE_GTC)."""
    LISTING = 12
    """Its symbol was taken off the list, or its price is not on the symbol's new grid."""
    LINKED = 13
    """Another order, of which and this one only one may trade, traded or was triggered."""


class Reason(Enum):
    """Why a request is refused; nothing has changed then, and there is no event."""

    UNKNOWN_SYMBOL = auto()
    NOT_TRADING = auto()
    """The symbol takes no orders now."""
    BAD_REQUEST = auto()
    """A combination of fields that no order has; the detail names it."""
    DUPLICATE_CLIENT_ID = auto()
    """Another open order has it."""
    ORDER_NOT_FOUND = auto()
    """No such order, or (cancel, amend) it is at its end."""
    POSITION_SIDE_MISMATCH = auto()
    """LONG or SHORT in one-way mode, BOTH in hedge mode."""

    PRICE_OFF_TICK = auto()
    PRICE_BELOW_MIN = auto()
    PRICE_ABOVE_MAX = auto()
    PRICE_ABOVE_COLLAR = auto()
    """A buy above the highest multiple of the mark price."""
    PRICE_BELOW_COLLAR = auto()
    STOP_PRICE_BELOW_MIN = auto()
    STOP_PRICE_ABOVE_MAX = auto()
    QTY_OFF_STEP = auto()
    QTY_BELOW_MIN = auto()
    QTY_ABOVE_MAX = auto()
    NOTIONAL_BELOW_MIN = auto()
    MARKET_OUT_OF_BOUND = auto()
    """A market order whose first counter price is too far from the mark."""

    TOO_MANY_OPEN_ORDERS = auto()
    TOO_MANY_CONDITIONALS = auto()
    INSUFFICIENT_MARGIN = auto()
    EXCEEDS_LEVERAGE_LIMIT = auto()
    """The position would be larger than the leverage allows."""
    IN_LIQUIDATION = auto()

    REDUCE_ONLY_REJECTED = auto()
    """No position on that side to reduce."""
    REDUCE_ONLY_IN_HEDGE = auto()
    """Hedge mode knows no reduce-only flag."""
    SYMBOL_REDUCE_ONLY = auto()
    """Only orders that reduce are taken here."""
    CLOSE_POSITION_SIDE = auto()
    """Close-position in hedge mode must not open: no BUY on LONG, no SELL on SHORT."""

    FOK_UNFILLABLE = auto()
    POST_ONLY_WOULD_TAKE = auto()
    PRICE_MATCH_NO_DEPTH = auto()
    PRICE_MATCH_NOT_ALLOWED = auto()
    """With a type that has no limit price, or beside a price."""
    GOOD_TILL_TOO_SOON = auto()
    """Also: GTD without a time, or too far in the future."""

    LIMIT_ONLY = auto()
    """Only limit orders can be amended."""
    SIDE_MISMATCH = auto()
    """The amend names the other side."""
    SAME_ORDER = auto()
    TOO_MANY_AMENDS = auto()

    WOULD_TRIGGER = auto()
    """Of a trailing stop: its activation price is on the wrong side of the latest."""
    BAD_ACTIVATION_PRICE = auto()
    """Outside the symbol's prices."""
    BAD_CALLBACK_RATE = auto()

    NO_CHANGE = auto()
    """The setting has that value already."""
    OPEN_ORDERS_EXIST = auto()
    POSITION_EXISTS = auto()
    BAD_LEVERAGE = auto()
    ISOLATED_LEVERAGE_DECREASE = auto()
    """Leverage cannot be lowered while an isolated position is open."""
    NOT_ISOLATED = auto()
    NO_POSITION = auto()
    BAD_AMOUNT = auto()
    CROSS_BALANCE_INSUFFICIENT = auto()
    ISOLATED_BALANCE_INSUFFICIENT = auto()


class Refused(Exception):
    """A request that is not executed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.name}: {detail}" if detail else reason.name)
        self.reason = reason
        self.detail = detail


# Requests


class NewOrder(Struct, frozen=True, kw_only=True):
    """A LIMIT or MARKET order as its owner wants it."""

    symbol: str
    side: Side
    type: OrderType
    lots: int
    tick: int = 0
    """Limit price; 0 with MARKET and with a price match."""
    tif: Tif = Tif.GTC
    client_id: str = ""
    """Unique among the account's open orders; empty: the engine makes one."""
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    stp: Stp = Stp.EXPIRE_MAKER
    price_match: PriceMatch = PriceMatch.NONE
    good_till_ns: int = 0
    """With GTD: when it expires."""
    link: int = 0
    """Orders of one account and symbol with the same number: the first that trades or is triggered
    ends the others, at once. One of them at the most rests, the others are conditional. 0: none."""


class Amendment(Struct, frozen=True, kw_only=True):
    """New price and quantity of an open limit order, named by ``order_id`` or ``client_id``."""

    symbol: str
    side: Side
    lots: int
    """The new total, what is filled included."""
    tick: int = 0
    order_id: int = 0
    client_id: str = ""
    price_match: PriceMatch = PriceMatch.NONE
    modify_id: int | None = None
    """The owner's number of the change; handed back."""


class NewConditional(Struct, frozen=True, kw_only=True):
    """An order that waits outside of the matching engine until a price triggers it."""

    symbol: str
    side: Side
    type: OrderType
    lots: int = 0
    """0 with ``close_position``."""
    tick: int = 0
    """Limit price of STOP and TAKE_PROFIT."""
    trigger_tick: int = 0
    """0 with TRAILING_STOP_MARKET."""
    tif: Tif = Tif.GTC
    client_id: str = ""
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    close_position: bool = False
    """Close all there is when triggered; STOP_MARKET and TAKE_PROFIT_MARKET."""
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    """Does not trigger while last and mark price are too far apart."""
    price_match: PriceMatch = PriceMatch.NONE
    activate_tick: int = 0
    """Trailing: the price from which it follows; 0: the latest."""
    callback_r: int = 0
    """Trailing: distance from the extreme, as a ratio."""
    offset_e8: int = 0
    """Trailing: the same as a difference of prices, instead of the ratio."""
    stp: Stp = Stp.NONE
    good_till_ns: int = 0
    link: int = 0
    """See `NewOrder.link`."""


# Records. The engine's own objects change; those inside events are copies of the moment.


class Order(Struct, kw_only=True):
    """An order in the matching engine. Read only for everybody else."""

    order_id: int
    account: str
    symbol: str
    client_id: str
    side: Side
    position_side: PositionSide
    type: OrderType
    """LIMIT, MARKET or LIQUIDATION."""
    original_type: OrderType
    """What it was before it triggered."""
    tif: Tif
    tick: int
    """Limit price; 0 for a market order."""
    lots: int
    """Ordered in total."""
    filled: int = 0
    filled_m: int = 0
    """Sum of price * quantity of its fills."""
    status: Status = Status.NEW
    cause: Cause = Cause.NONE
    reduce_only: bool = False
    close_position: bool = False
    stp: Stp = Stp.NONE
    price_match: PriceMatch = PriceMatch.NONE
    good_till_ns: int = 0
    created_ns: int = 0
    updated_ns: int = 0
    amends: int = 0
    modify_id: int | None = None
    """Of the last amend."""
    conditional_id: int = 0
    """The conditional order it was, 0 if none."""
    trigger_tick: int = 0
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    activate_tick: int = 0
    callback_r: int = 0
    link: int = 0
    ahead: int = 0
    """Lots of the market, others' accounts not counted, that trade before it at its price."""
    bound_m: int = 0
    """What its account counts for it among the orders that open or enlarge a position."""
    seq: int = 0
    """When it came to its price, among all orders."""
    key: int = 0
    """Place in its side of the book: the tick of a sell, minus the tick of a buy."""

    @property
    def leaves(self) -> int:
        """What is not filled yet."""
        return self.lots - self.filled

    @property
    def open(self) -> bool:
        return self.status <= Status.PARTIALLY_FILLED

    @property
    def closing(self) -> bool:
        """Whether it may only make its position smaller: reduce-only, or the closing side of a
        hedge position."""
        return (
            self.reduce_only
            or (self.position_side == PositionSide.LONG and self.side == Side.SELL)
            or (self.position_side == PositionSide.SHORT and self.side == Side.BUY)
        )


class Conditional(Struct, kw_only=True):
    """A conditional order. Read only for everybody but the engine."""

    algo_id: int
    account: str
    request: NewConditional
    """As it was placed."""
    client_id: str
    status: AlgoStatus = AlgoStatus.NEW
    cause: Cause = Cause.NONE
    reject: Reason | None = None
    """Why the matching engine refused it."""
    order_id: int = 0
    """The order it became, 0 before."""
    filled: int = 0
    filled_m: int = 0
    """Of that order."""
    actual_type: OrderType | None = None
    """Of that order; None before."""
    created_ns: int = 0
    updated_ns: int = 0
    triggered_ns: int = 0
    activate_e8: int = 0
    """Trailing: the activation price in force."""
    activated: bool = False
    """Trailing: whether it follows the price."""
    extreme_e8: int = 0
    """Trailing: lowest (buy) or highest (sell) price since it was placed."""

    @property
    def open(self) -> bool:
        """Whether it waits for its trigger."""
        return self.status == AlgoStatus.NEW


class Fill(Struct, frozen=True, kw_only=True):
    """One account's side of a trade."""

    trade_id: int
    """The public trade's; a self-trade gives two orders of one account the same."""
    order_id: int
    account: str
    symbol: str
    side: Side
    position_side: PositionSide
    tick: int
    lots: int
    quote_m: int
    """Price * quantity."""
    maker: bool
    fee_m: int
    """Paid; negative: a rebate."""
    fee_asset: str
    realized_m: int
    """Profit of what it closed, before the fee."""
    time_ns: int


class Amended(Struct, frozen=True, kw_only=True):
    """One change of an order, as the history keeps it."""

    amendment_id: int
    order_id: int
    symbol: str
    client_id: str
    time_ns: int
    tick_before: int
    tick: int
    lots_before: int
    lots: int
    count: int
    """Changes of this order so far."""
    modify_id: int | None


class Balance(Struct, frozen=True, kw_only=True):
    """One asset of an account, at this moment's mark prices."""

    asset: str
    wallet_m: int
    cross_wallet_m: int
    """Without what isolated positions hold."""
    unrealized_m: int
    cross_unrealized_m: int
    position_margin_m: int
    """Initial margin of the positions."""
    order_margin_m: int
    """Initial margin of the open orders."""
    maintenance_m: int
    available_m: int
    """For new orders; never below 0."""
    updated_ns: int


class PositionView(Struct, frozen=True, kw_only=True):
    """A position at this moment's mark price."""

    account: str
    symbol: str
    position_side: PositionSide
    lots: int
    """Negative when short."""
    entry_e8: int
    break_even_e8: int
    """Where closing would bring back its fees, too."""
    mark_e8: int
    notional_m: int
    """At mark, signed."""
    unrealized_m: int
    realized_m: int
    """Accumulated, before fees."""
    leverage: int
    margin_type: MarginType
    isolated_wallet_m: int
    isolated_margin_m: int
    """Isolated wallet and unrealised profit."""
    initial_margin_m: int
    """Of position and open orders."""
    position_margin_m: int
    order_margin_m: int
    maintenance_m: int
    bid_notional_m: int
    """Of the open buys that would open or enlarge."""
    ask_notional_m: int
    max_notional_m: int
    """Largest position that its leverage allows."""
    liquidation_e8: int
    """Mark price of liquidation, all else unchanged; 0: none."""
    updated_ns: int


class SymbolConfig(Struct, frozen=True):
    """An account's settings of a symbol."""

    symbol: str
    leverage: int
    margin_type: MarginType
    max_notional_m: int


class IncomeType(IntEnum):
    TRANSFER = 0
    REALIZED_PNL = 1
    COMMISSION = 2
    FUNDING_FEE = 3
    INSURANCE_CLEAR = 4


class Income(Struct, frozen=True, kw_only=True):
    """One change of a wallet."""

    income_id: int
    type: IncomeType
    asset: str
    amount_m: int
    symbol: str
    """Empty for a transfer."""
    trade_id: int
    time_ns: int
