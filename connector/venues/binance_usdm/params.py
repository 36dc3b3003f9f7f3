"""What can be asked of the venue's order and account endpoints, checked before anything is sent.

An unknown parameter, a missing one and a number that is no plain decimal are refused by name.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ORDER_ID = r"^[.A-Z:/a-z0-9_-]{1,36}$"
"""What a client order id (and a clientAlgoId) may look like."""
LAST_GOOD_TILL_MS = 253402300799000

Symbol = Annotated[str, Meta(min_length=1, description="a symbol, as BTCUSDT")]
Pair = Annotated[str, Meta(min_length=1, description="a pair, as BTCUSDT")]
Decimal = Annotated[
    str, Meta(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", description="a plain decimal, as 0.001")
]
ClientId = Annotated[str, Meta(pattern=ORDER_ID, description="1 to 36 of A-Z a-z 0-9 . : / _ -")]
Id = Annotated[int, Meta(ge=0, description="an id, a whole number")]
Ms = Annotated[int, Meta(ge=0, description="a time in milliseconds since 1970")]
JsonList = Annotated[str, Meta(pattern=r"^\[[^ ]+\]$", description="a JSON list without blanks")]
Word = Literal["true", "false"]
"""Booleans are words in parameters."""
Side = Literal["BUY", "SELL"]
PositionSide = Literal["BOTH", "LONG", "SHORT"]
PlainType = Literal["LIMIT", "MARKET"]
ConditionalType = Literal[
    "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"
]
TimeInForce = Literal["GTC", "IOC", "FOK", "GTX", "GTD", "RPI"]
RespType = Literal["ACK", "RESULT"]
PriceMatch = Literal[
    "NONE",
    "OPPONENT",
    "OPPONENT_5",
    "OPPONENT_10",
    "OPPONENT_20",
    "QUEUE",
    "QUEUE_5",
    "QUEUE_10",
    "QUEUE_20",
]
SelfTradePrevention = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
WorkingType = Literal["MARK_PRICE", "CONTRACT_PRICE"]
IncomeType = Literal[
    "TRANSFER", "WELCOME_BONUS", "REALIZED_PNL", "FUNDING_FEE", "SPECIAL_FUNDING_FEE", "COMMISSION",
    "INSURANCE_CLEAR", "REFERRAL_KICKBACK", "COMMISSION_REBATE", "API_REBATE", "CONTEST_REWARD",
    "CROSS_COLLATERAL_TRANSFER", "OPTIONS_PREMIUM_FEE", "OPTIONS_SETTLE_PROFIT",
    "INTERNAL_TRANSFER", "AUTO_EXCHANGE", "DELIVERED_SETTELMENT", "COIN_SWAP_DEPOSIT",
    "COIN_SWAP_WITHDRAW", "POSITION_LIMIT_INCREASE_FEE", "STRATEGY_UMFUTURES_TRANSFER",
    "FEE_RETURN", "BFUSD_REWARD",
]  # fmt: skip
"""DELIVERED_SETTELMENT is how the venue writes it."""


class Params(Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Parameters, sent in the order they stand in; None is not sent."""


# Orders


class PlaceParams(Params):
    """Section 8.1; conditional types belong to the Algo service (`AlgoParams`)."""

    symbol: Symbol
    side: Side
    type: PlainType
    position_side: PositionSide | None = None
    time_in_force: TimeInForce | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    price_match: PriceMatch | None = None
    reduce_only: Word | None = None
    new_client_order_id: ClientId | None = None
    new_order_resp_type: RespType | None = None
    self_trade_prevention_mode: SelfTradePrevention | None = None
    good_till_date: Annotated[int, Meta(lt=LAST_GOOD_TILL_MS)] | None = None


class AmendParams(Params):
    """Section 8.2: quantity is the new total; price, or a price match in its place."""

    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    price_match: PriceMatch | None = None
    order_id: Id | None = None
    orig_client_order_id: ClientId | None = None
    modify_id: Id | None = None
    reduce_only: Word | None = None


class OrderParams(Params):
    """One order by one of its ids."""

    symbol: Symbol
    order_id: Id | None = None
    orig_client_order_id: ClientId | None = None


class BatchParams(Params):
    """A JSON list of up to five orders."""

    batch_orders: Annotated[
        str,
        Meta(pattern=r"^\[", description="a JSON list of orders as objects"),
    ]


class CancelBatchParams(Params):
    """JSON lists of up to ten ids, without blanks."""

    symbol: Symbol
    order_id_list: (
        Annotated[
            str, Meta(pattern=r"^\[[0-9,]+\]$", description="a JSON list of ids without blanks")
        ]
        | None
    ) = None
    orig_client_order_id_list: JsonList | None = None


class SymbolParams(Params):
    symbol: Symbol


class AnySymbolParams(Params):
    """Without a symbol: all of them."""

    symbol: Symbol | None = None


class CountdownParams(Params):
    """Milliseconds until everything of the symbol is cancelled; 0 stops the clock."""

    symbol: Symbol
    countdown_time: Annotated[int, Meta(ge=0)]


class HistoryParams(Params):
    """Orders from ``order_id`` on, or of a span below 7 days."""

    symbol: Symbol | None = None
    order_id: Id | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


class AmendmentsParams(Params):
    symbol: Symbol
    order_id: Id | None = None
    orig_client_order_id: ClientId | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] | None = None


# The Algo service


class AlgoParams(Params):
    """Section 9."""

    algo_type: Literal["CONDITIONAL"]
    symbol: Symbol
    side: Side
    type: ConditionalType
    position_side: PositionSide | None = None
    time_in_force: TimeInForce | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    working_type: WorkingType | None = None
    price_match: PriceMatch | None = None
    close_position: Word | None = None
    price_protect: Word | None = None
    reduce_only: Word | None = None
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    client_algo_id: ClientId | None = None
    new_order_resp_type: RespType | None = None
    self_trade_prevention_mode: SelfTradePrevention | None = None
    good_till_date: Annotated[int, Meta(lt=LAST_GOOD_TILL_MS)] | None = None


class AlgoIdParams(Params):
    """One of both; there is no symbol."""

    algo_id: Id | None = None
    client_algo_id: ClientId | None = None


class OpenAlgoParams(Params):
    algo_type: Literal["CONDITIONAL"] | None = None
    symbol: Symbol | None = None
    algo_id: Id | None = None


class AlgoHistoryParams(Params):
    symbol: Symbol
    algo_id: Id | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


# The account


class PositionModeParams(Params):
    dual_side_position: Word


class MultiAssetsParams(Params):
    multi_assets_margin: Word


class FeeBurnParams(Params):
    fee_burn: Word


class LeverageParams(Params):
    symbol: Symbol
    leverage: Annotated[int, Meta(ge=1, le=125)]


class MarginTypeParams(Params):
    symbol: Symbol
    margin_type: Literal["ISOLATED", "CROSSED"]


class PositionMarginParams(Params):
    """``type`` 1 adds, 2 takes away."""

    symbol: Symbol
    amount: Decimal
    type: Literal[1, 2]
    position_side: PositionSide | None = None


class PositionMarginHistoryParams(Params):
    symbol: Symbol
    type: Literal[1, 2] | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


class FillsParams(Params):
    """A span of at most 7 days, or from a trade id on; not both."""

    symbol: Symbol
    order_id: Id | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    from_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


class IncomeParams(Params):
    symbol: Symbol | None = None
    income_type: IncomeType | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    page: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


class ForcedParams(Params):
    symbol: Symbol | None = None
    auto_close_type: Literal["LIQUIDATION", "ADL"] | None = None
    start_time: Ms | None = None
    end_time: Ms | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] | None = None


class SpanParams(Params):
    """A span of at most a year."""

    start_time: Ms
    end_time: Ms


class FileParams(Params):
    download_id: Annotated[str, Meta(min_length=1)]
