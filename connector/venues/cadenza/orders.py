"""Order intents in, requests out; what the venue has no order for is refused with what it has.
Sections 5.1, 13 and 14.3 of the reference.

Quantities are in units of the base and never rounded by the venue. What no neutral order can say
(quantities in the quote, rounding, quotes, contingencies, attached stops) goes by a call of
``tradeOrderSubmit``. An order is known by the venue's own id alone: a cancel needs it.
"""

import re
from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from connector._speedups.decimal import format as decimal
from connector._speedups.segment import Segment
from connector.model.instrument import ContractType, Instrument
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.model.reports import Field
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.contract import Request
from connector.venues.trading_contract import CannotEncode, Intent, NotNamed, Signer

CLIENT_ID = re.compile(r"[!-~]{1,36}")
"""The length is ours: the venue names none."""
ORDER_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
ACCOUNT = ORDER_ID
KINDS = ("login",)
MS = 1_000_000

SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
TYPES: dict[OrderType, tuple[str, ...]] = {
    OrderType.LIMIT: ("LIMIT",),
    OrderType.MARKET: ("MARKET",),
    OrderType.STOP: ("STOP_LOSS_LIMIT", "STOP_LIMIT"),
    OrderType.STOP_MARKET: ("STOP_LOSS", "STOP"),
    OrderType.TAKE_PROFIT: ("TAKE_PROFIT_LIMIT",),
    OrderType.TAKE_PROFIT_MARKET: ("TAKE_PROFIT",),
}
"""The first one that the instrument lists; the first where it lists nothing."""
TIMES = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTX: "GTX",
    TimeInForce.GTD: "GTD",
    TimeInForce.DAY: "DAY",
}
PRICED = {OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}
"""Types with a limit price; the others trade at the market."""
AT_MARKET = {TimeInForce.NONE, TimeInForce.IOC, TimeInForce.FOK}
MAKER = "LIMIT_MAKER"
TAKES_ACCOUNT = frozenset({"tradeOrderList", "portfolioList"})
"""Questions that are about every account of the user unless one is named."""

Params = dict[str, str | int | bool]


class AccountSigner:
    """Names a trading account; what its requests prove themselves by is the user's login."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def sign(self, payload: bytes) -> bytes:
        """Nothing is signed."""
        return b""

    @property
    def means(self) -> str:
        return "the user's login"

    def count_in(self, segment: Segment) -> None:
        """There is nothing to count."""


def signer(key: str, secret: bytes = b"", kind: str = "") -> AccountSigner:
    """``key`` is the trading account's id. Raises ValueError."""
    if not ACCOUNT.fullmatch(key):
        raise ValueError("the key is no id of a trading account (a UUID, as the venue lists it)")
    if kind and kind not in KINDS:
        raise ValueError(f"no kind of key {kind!r}; there are: {', '.join(KINDS)}")
    return AccountSigner(key)


def sign(request: Request, signer: Signer, venue_ns: int) -> Request:
    """The request about this account, where it would be about all of the user's."""
    if request.name not in TAKES_ACCOUNT or "tradingAccountId=" in request.query:
        return request
    account = f"tradingAccountId={signer.key}"
    return replace(request, query=f"{request.query}&{account}" if request.query else account)


def encode(intent: Intent, signer: Signer, venue_ns: int, *, await_closed: bool = False) -> Request:
    """The complete request for an intent, without the token. Raises CannotEncode.

    ``await_closed``: the venue answers a new order when it has ended, or after a second."""
    name, params = translate(intent, await_closed)
    if name in TAKES_ACCOUNT:
        return sign(ENDPOINTS[name].request(**params), signer, venue_ns)
    return ENDPOINTS[name].request(tradingAccountId=signer.key, **params)


def translate(intent: Intent, await_closed: bool = False) -> tuple[str, Params]:
    """The endpoint an intent goes to and its parameters, without the account. Raises
    CannotEncode."""
    match intent.action:
        case Action.PLACE:
            instrument = intent.instrument
            if instrument is None:
                _refuse(Field.INSTRUMENT, "an order names an instrument")
            return "tradeOrderSubmit", _place(intent, instrument, await_closed)
        case Action.CANCEL:
            return "tradeOrderCancel", {"tradeOrderId": _id(intent)}
        case Action.QUERY:
            return "tradeOrderList", {"tradeOrderId": _id(intent), "limit": 1}
        case Action.AMEND:
            _refuse(Field.ACTION, "the venue has no request that amends: cancel, and place anew")
        case Action.CANCEL_ALL:
            _refuse(Field.ACTION, "the venue cancels one order at a time")
        case _:
            _refuse(Field.ACTION, f"no request for {intent.action!r}")


# Placing


def _place(intent: Intent, instrument: Instrument, await_closed: bool) -> Params:
    if instrument.contract is not ContractType.SPOT:
        _refuse(
            Field.INSTRUMENT,
            f"{instrument.symbol} is no spot instrument: whether the venue counts derivatives in"
            " contracts or in the base it does not say",
        )
    if intent.order_type is OrderType.TRAILING_STOP_MARKET:
        _refuse(Field.ORDER_TYPE, "the venue's trailing stop takes no distance")
    _without(intent)
    client_id = _client_id(intent)
    kind, time = _kind(intent, instrument)
    params: Params = {
        "instrumentId": instrument.symbol,
        "idempotencyKey": client_id,
        "clientOrderId": client_id,
        "orderSide": SIDES[intent.side],
        "orderType": kind,
        "quantity": decimal(
            _positive(intent.qty_e, Field.QUANTITY, "a quantity above zero is needed"),
            instrument.qty_exponent,
            instrument.qty_digits,
        ),
        "quantityType": "BASE",
        "awaitClosed": await_closed,
    }
    if time:
        params["timeInForce"] = time
    if intent.order_type in PRICED:
        params["limitPrice"] = _price(intent.price_e, Field.PRICE, instrument)
    elif intent.price_e is not None:
        _refuse(Field.PRICE, "an order that trades at the market has none")
    if intent.order_type.conditional:
        params["stopPrice"] = _price(intent.stop_price_e, Field.STOP_PRICE, instrument)
    elif intent.stop_price_e is not None:
        _refuse(Field.STOP_PRICE, "only conditional orders have one")
    if intent.time_in_force is TimeInForce.GTD:
        until_ns = intent.good_till_ns
        params["expireAt"] = (
            _positive(until_ns, Field.GOOD_TILL, "GTD names when the order ends") // MS
        )
    elif intent.good_till_ns is not None:
        _refuse(Field.GOOD_TILL, "only with GTD")
    return params


def _kind(intent: Intent, instrument: Instrument) -> tuple[str, str]:
    """The venue's words for type and time in force; "": none is sent."""
    wanted, types = intent.time_in_force, instrument.order_types
    if intent.order_type not in PRICED:
        if wanted not in AT_MARKET:
            _refuse(Field.TIME_IN_FORCE, "an order that trades at the market has IOC, FOK or none")
        kind = _listed(intent.order_type, types)
        return kind, _time(wanted, instrument) if wanted is not TimeInForce.NONE else ""
    if wanted is TimeInForce.GTX:
        if intent.order_type is not OrderType.LIMIT:
            _refuse(Field.TIME_IN_FORCE, "only a limit order is post-only")
        if MAKER in types:
            return MAKER, ""
        if TIMES[wanted] not in instrument.times_in_force:  # who does not know it might take
            _refuse(Field.TIME_IN_FORCE, "not GTX: the instrument lists nothing post-only")
    if wanted is TimeInForce.NONE:
        wanted = TimeInForce.GTC
    return _listed(intent.order_type, types), _time(wanted, instrument)


def _listed(kind: OrderType, types: Sequence[str]) -> str:
    words = TYPES.get(kind)
    if words is None:
        _refuse(Field.ORDER_TYPE, f"not {kind.name}")
    for word in words:
        if word in types or not types:
            return word
    _refuse(Field.ORDER_TYPE, f"not {kind.name}; the instrument has {', '.join(types)}")


def _time(wanted: TimeInForce, instrument: Instrument) -> str:
    word, times = TIMES[wanted], instrument.times_in_force
    if times and word not in times:
        _refuse(Field.TIME_IN_FORCE, f"not {word}; the instrument has {', '.join(times)}")
    return word


def _without(intent: Intent) -> None:
    """What no order of the venue can carry."""
    for given, wrong, text in (
        (
            intent.position_side is not PositionSide.BOTH,
            Field.POSITION_SIDE,
            "assets are bought and sold: there is one balance",
        ),
        (
            bool(intent.flags & CommandFlag.REDUCE_ONLY),
            Field.REDUCE_ONLY,
            "assets are bought and sold: there is no position to reduce",
        ),
        (
            bool(intent.flags & CommandFlag.CLOSE_POSITION),
            Field.CLOSE_POSITION,
            "assets are bought and sold: there is no position to close",
        ),
        (
            bool(intent.flags & CommandFlag.PRICE_PROTECT),
            Field.PRICE_PROTECT,
            "the venue has no such orders",
        ),
        (
            intent.price_match is not PriceMatch.NONE,
            Field.PRICE_MATCH,
            "the venue takes no price from its book",
        ),
        (
            intent.self_trade is not SelfTrade.DEFAULT,
            Field.SELF_TRADE,
            "the venue leaves it to the venue behind it",
        ),
        (
            intent.working_type is not WorkingType.DEFAULT,
            Field.WORKING_TYPE,
            "the venue takes no other trigger than its own",
        ),
        (
            intent.callback_rate_e is not None,
            Field.CALLBACK_RATE,
            "only trailing orders have one",
        ),
        (
            intent.activation_price_e is not None,
            Field.ACTIVATION_PRICE,
            "only trailing orders have one",
        ),
    ):
        if given:
            _refuse(wrong, text)


# Values


def _id(intent: Intent) -> str:
    """The venue's id: its requests have no other name of an order."""
    if intent.order_id is not None:
        _refuse(Field.ORDER_ID, "the venue's ids are texts")
    name = intent.venue_order_id
    if not name:
        raise NotNamed(
            Field.ORDER_ID, "order_id: the venue knows orders by its own id, which is not told yet"
        )
    if not ORDER_ID.fullmatch(name):
        _refuse(Field.ORDER_ID, f"{name!r} is no id of the venue (a UUID)")
    return name


def _client_id(intent: Intent) -> str:
    if not CLIENT_ID.fullmatch(intent.client_order_id):
        text = f"{intent.client_order_id!r}: 1 to 36 characters of ASCII without a blank"
        _refuse(Field.CLIENT_ORDER_ID, text)
    return intent.client_order_id


def _price(value_e: int | None, name: Field, instrument: Instrument) -> str:
    price_e = _positive(value_e, name, "a price above zero is needed")
    return decimal(price_e, instrument.price_exponent, instrument.price_digits)


def _positive(value_e: int | None, name: Field, text: str) -> int:
    if value_e is None or value_e <= 0:
        _refuse(name, text)
    return value_e


def _refuse(name: Field, text: str) -> NoReturn:
    raise CannotEncode(name, f"{name.name.lower()}: {text}")
