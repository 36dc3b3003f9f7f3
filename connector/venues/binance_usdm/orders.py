"""Order intents in, signed requests out; what the venue has no order for is refused with what it
has. Sections 8 and 9 of the reference.

Conditional orders go to the Algo service: the plain endpoints answer them -4120. This is the oracle
of ``_speedups/orders_binance_usdm`` and the path of everything that is not hot.
"""

import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from connector._speedups.decimal import format as decimal
from connector.model.instrument import Instrument
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
from connector.protocol.signing import Hmac
from connector.venues.binance_usdm.endpoints_trading import ENDPOINTS
from connector.venues.binance_usdm.params import LAST_GOOD_TILL_MS, ORDER_ID
from connector.venues.binance_usdm.schemas import MS
from connector.venues.binance_usdm.signing import WINDOW_MS, KeySigner, sign
from connector.venues.contract import Request
from connector.venues.trading_contract import CannotEncode, Intent, Signer

if TYPE_CHECKING:
    from connector._speedups.orders_binance_usdm import BinanceUsdmEncoder

CLIENT_ID = re.compile(ORDER_ID[1:-1])
SECOND_NS = 1_000_000_000
SOONEST_GOOD_TILL_NS = 600 * SECOND_NS
"""A good-till date must be further away than this."""
PERCENT_EXPONENT = 6
"""A rate of 10^-8 read as percent."""
CALLBACK_LEAST_E, CALLBACK_MOST_E = 100_000, 20_000_000
"""0.1 to 20 percent (20 since 2026-10-23)."""
BATCH_MOST = {Action.PLACE: 5, Action.AMEND: 5, Action.CANCEL: 10}
"""Orders of one batch request."""

HOT = {
    Action.PLACE: "placeOrder",
    Action.AMEND: "amendOrder",
    Action.CANCEL: "cancelOrder",
}
"""What the compiled encoder writes, where it writes it."""

TIMES = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTX: "GTX",
    TimeInForce.GTD: "GTD",
}
WORKING = {WorkingType.LAST: "CONTRACT_PRICE", WorkingType.MARK: "MARK_PRICE"}
PLAIN_SELF_TRADE = {
    SelfTrade.EXPIRE_TAKER: "EXPIRE_TAKER",
    SelfTrade.EXPIRE_MAKER: "EXPIRE_MAKER",
    SelfTrade.EXPIRE_BOTH: "EXPIRE_BOTH",
}
ALGO_SELF_TRADE = {SelfTrade.NONE: "NONE"} | PLAIN_SELF_TRADE
# OPPONENT_10 and OPPONENT_20 were withdrawn on 2025-10-23 "temporarily".
MATCHES = {
    PriceMatch.OPPONENT: "OPPONENT",
    PriceMatch.OPPONENT_5: "OPPONENT_5",
    PriceMatch.QUEUE: "QUEUE",
    PriceMatch.QUEUE_5: "QUEUE_5",
    PriceMatch.QUEUE_10: "QUEUE_10",
    PriceMatch.QUEUE_20: "QUEUE_20",
}
PRICED = {OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}
"""Types with a limit price; the others trade at the market."""
CLOSING = {OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET}

Params = dict[str, str | int]


def encode(intent: Intent, signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS) -> Request:
    """The complete signed request for an intent at the venue's time. Raises CannotEncode."""
    name, params = translate(intent, venue_ns)
    return sign(ENDPOINTS[name].request(**params), signer, venue_ns, window_ms)


def translate(intent: Intent, venue_ns: int) -> tuple[str, Params]:
    """The endpoint an intent goes to and its parameters, unsigned. Raises CannotEncode."""
    instrument = intent.instrument
    if instrument is None:
        _refuse(Field.INSTRUMENT, "every order request of the venue names a symbol")
    match intent.action:
        case Action.PLACE if intent.order_type.conditional:
            return "placeAlgo", _conditional(intent, instrument, venue_ns)
        case Action.PLACE:
            return "placeOrder", _plain(intent, instrument, venue_ns)
        case Action.AMEND:
            return "amendOrder", _amend(intent, instrument)
        case Action.CANCEL:
            return ("cancelAlgo" if intent.conditional else "cancelOrder"), _ids(intent)
        case Action.QUERY:
            return ("queryAlgo" if intent.conditional else "queryOrder"), _ids(intent)
        case Action.CANCEL_ALL:
            name = "cancelAllAlgos" if intent.conditional else "cancelAll"
            return name, {"symbol": instrument.symbol}
        case _:
            _refuse(Field.ACTION, f"no request for {intent.action!r}")


def together(intent: Intent) -> Hashable | None:
    """Orders and amends of any symbols share a request; cancels those of one symbol by one kind of
    id. Conditional orders have no batches."""
    if intent.conditional or intent.action not in BATCH_MOST:
        return None
    if intent.action is Action.CANCEL:
        symbol = intent.instrument.symbol if intent.instrument else ""
        return intent.action, symbol, intent.order_id is None
    if intent.action is Action.PLACE and intent.order_type.conditional:
        return None
    return intent.action


def encode_batch(
    intents: Sequence[Intent], signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS
) -> Request:
    """One request for several intents of one kind: at most 5 orders or amends, or 10 cancels of one
    symbol by one kind of id. Raises CannotEncode; conditional orders have no batches."""
    actions = {intent.action for intent in intents}
    if len(actions) != 1 or not actions <= BATCH_MOST.keys():
        _refuse(Field.BATCH, "a batch holds either orders, amends or cancels")
    action = actions.pop()
    if len(intents) > BATCH_MOST[action]:
        _refuse(Field.BATCH, f"{len(intents)} of them; the venue takes {BATCH_MOST[action]}")
    rows = [translate(intent, venue_ns) for intent in intents]
    if any(name.endswith("Algo") for name, _ in rows):
        _refuse(Field.BATCH, "conditional orders have no batches")
    if action is Action.CANCEL:
        name, params = "cancelBatch", _cancels([row for _, row in rows])
    else:
        name = "placeBatch" if action is Action.PLACE else "amendBatch"
        params = {"batchOrders": _json([row for _, row in rows])}
    return sign(ENDPOINTS[name].request(**params), signer, venue_ns, window_ms)


def encoder(
    signer: Signer, host: str, prefix: str = "", window_ms: int = WINDOW_MS
) -> "BinanceUsdmEncoder | None":
    """The compiled encoder of an HMAC key for one host (as in the Host header); None for other
    keys."""
    if not isinstance(signer, KeySigner) or not isinstance(signer.made, Hmac):
        return None
    # Only who trades pays for loading it.
    from connector._speedups.orders_binance_usdm import BinanceUsdmEncoder

    return BinanceUsdmEncoder(signer.made.raw, signer.key, host, prefix, window_ms)


def _cancels(rows: list[Params]) -> Params:
    symbols = {row["symbol"] for row in rows}
    if len(symbols) != 1:
        _refuse(Field.BATCH, "the cancels of a batch are of one symbol")
    for single, several in (
        ("orderId", "orderIdList"),
        ("origClientOrderId", "origClientOrderIdList"),
    ):
        if all(single in row for row in rows):
            return {"symbol": symbols.pop(), several: _json([row[single] for row in rows])}
    _refuse(Field.BATCH, "the cancels of a batch use one kind of id")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# Placing


def _plain(intent: Intent, instrument: Instrument, venue_ns: int) -> Params:
    """LIMIT and MARKET."""
    _only_conditional(intent)
    params: Params = {"symbol": instrument.symbol, "side": _side(intent), "type": _type(intent)}
    _put_position_side(params, intent)
    if intent.order_type is OrderType.LIMIT:
        _put_time(params, intent, venue_ns)
    else:
        _without_time(intent)
    params["quantity"] = _quantity(intent.qty_e, instrument)
    _put_price(params, intent, instrument)
    _put_reduce_only(params, intent)
    params["newClientOrderId"] = _client_id(intent)
    _put_self_trade(params, intent, PLAIN_SELF_TRADE)
    return params


def _conditional(intent: Intent, instrument: Instrument, venue_ns: int) -> Params:
    """The five types of the Algo service."""
    kind = intent.order_type
    params: Params = {
        "algoType": "CONDITIONAL",
        "symbol": instrument.symbol,
        "side": _side(intent),
        "type": _type(intent),
    }
    _put_position_side(params, intent)
    if kind in PRICED:
        _put_time(params, intent, venue_ns)
    else:
        _without_time(intent)
    if intent.flags & CommandFlag.CLOSE_POSITION:
        _put_close(params, intent)
    else:
        params["quantity"] = _quantity(intent.qty_e, instrument)
        _put_reduce_only(params, intent)
    _put_price(params, intent, instrument)
    if kind is OrderType.TRAILING_STOP_MARKET:
        _put_trailing(params, intent, instrument)
    else:
        for value, wrong in (
            (intent.callback_rate_e, Field.CALLBACK_RATE),
            (intent.activation_price_e, Field.ACTIVATION_PRICE),
        ):
            if value is not None:
                _refuse(wrong, "only TRAILING_STOP_MARKET has one")
        params["triggerPrice"] = _price(intent.stop_price_e, instrument, Field.STOP_PRICE)
    if intent.working_type is not WorkingType.DEFAULT:
        params["workingType"] = _of(WORKING, intent.working_type, Field.WORKING_TYPE)
    if intent.flags & CommandFlag.PRICE_PROTECT:
        params["priceProtect"] = "true"
    params["clientAlgoId"] = _client_id(intent)
    _put_self_trade(params, intent, ALGO_SELF_TRADE)
    return params


def _only_conditional(intent: Intent) -> None:
    """What a LIMIT or MARKET order cannot carry."""
    for given, wrong in (
        (intent.stop_price_e is not None, Field.STOP_PRICE),
        (intent.activation_price_e is not None, Field.ACTIVATION_PRICE),
        (intent.callback_rate_e is not None, Field.CALLBACK_RATE),
        (intent.working_type is not WorkingType.DEFAULT, Field.WORKING_TYPE),
        (bool(intent.flags & CommandFlag.CLOSE_POSITION), Field.CLOSE_POSITION),
        (bool(intent.flags & CommandFlag.PRICE_PROTECT), Field.PRICE_PROTECT),
    ):
        if given:
            _refuse(wrong, "only conditional orders have one")


def _put_position_side(params: Params, intent: Intent) -> None:
    """BOTH is the venue's default, and the only one in one-way mode."""
    if intent.position_side is not PositionSide.BOTH:
        params["positionSide"] = intent.position_side.name


def _put_time(params: Params, intent: Intent, venue_ns: int) -> None:
    wanted = intent.time_in_force
    if wanted is TimeInForce.NONE:
        wanted = TimeInForce.GTC
    params["timeInForce"] = _of(TIMES, wanted, Field.TIME_IN_FORCE)
    if wanted is not TimeInForce.GTD:
        if intent.good_till_ns is not None:
            _refuse(Field.GOOD_TILL, "only GTD orders have one")
        return
    if intent.good_till_ns is None:
        _refuse(Field.GOOD_TILL, "a GTD order needs one")
    # The venue looks at whole seconds only.
    till_ms = intent.good_till_ns // SECOND_NS * 1000
    if till_ms * MS <= venue_ns + SOONEST_GOOD_TILL_NS or till_ms >= LAST_GOOD_TILL_MS:
        _refuse(Field.GOOD_TILL, "it must be more than 600 s ahead, and before the year 10000")
    params["goodTillDate"] = till_ms


def _without_time(intent: Intent) -> None:
    if intent.time_in_force is not TimeInForce.NONE:
        _refuse(Field.TIME_IN_FORCE, "an order that trades at the market has none")
    if intent.good_till_ns is not None:
        _refuse(Field.GOOD_TILL, "only GTD orders have one")


def _put_price(params: Params, intent: Intent, instrument: Instrument) -> None:
    """A limit price or a price match in its place; neither for orders at the market."""
    matched = intent.price_match is not PriceMatch.NONE
    if intent.action is Action.PLACE and intent.order_type not in PRICED:
        if intent.price_e is not None:
            _refuse(Field.PRICE, "an order that trades at the market has none")
        if matched:
            _refuse(Field.PRICE_MATCH, "only orders with a limit price have one")
    elif matched and intent.price_e is not None:
        _refuse(Field.PRICE_MATCH, "it stands in the place of a price; give one of both")
    elif matched:
        params["priceMatch"] = _of(MATCHES, intent.price_match, Field.PRICE_MATCH)
    else:
        params["price"] = _price(intent.price_e, instrument, Field.PRICE)


def _put_reduce_only(params: Params, intent: Intent) -> None:
    """Not sent in hedge mode, where the side of the position says it already."""
    if not intent.flags & CommandFlag.REDUCE_ONLY:
        return
    if intent.position_side is PositionSide.BOTH:
        params["reduceOnly"] = "true"
    elif _opens(intent):
        _refuse(
            Field.REDUCE_ONLY, f"{_side(intent)} on {intent.position_side.name} opens a position"
        )


def _put_close(params: Params, intent: Intent) -> None:
    if intent.order_type not in CLOSING:
        _refuse(Field.CLOSE_POSITION, "only STOP_MARKET and TAKE_PROFIT_MARKET close a position")
    if intent.qty_e is not None:
        _refuse(Field.QUANTITY, "an order that closes the position has none")
    if intent.flags & CommandFlag.REDUCE_ONLY:
        _refuse(Field.REDUCE_ONLY, "not together with close_position")
    if _opens(intent):
        _refuse(
            Field.CLOSE_POSITION, f"{_side(intent)} on {intent.position_side.name} closes nothing"
        )
    params["closePosition"] = "true"


def _opens(intent: Intent) -> bool:
    """Hedge mode: does this side make the named position larger?"""
    return (intent.side, intent.position_side) in {
        (Side.BUY, PositionSide.LONG),
        (Side.SELL, PositionSide.SHORT),
    }


def _put_trailing(params: Params, intent: Intent, instrument: Instrument) -> None:
    if intent.stop_price_e is not None:
        _refuse(Field.STOP_PRICE, "a trailing order has an activation price instead")
    if intent.activation_price_e is not None:
        params["activatePrice"] = _price(
            intent.activation_price_e, instrument, Field.ACTIVATION_PRICE
        )
    rate_e = intent.callback_rate_e
    if rate_e is None or not CALLBACK_LEAST_E <= rate_e <= CALLBACK_MOST_E:
        _refuse(Field.CALLBACK_RATE, "it must be from 0.1 to 20 percent")
    params["callbackRate"] = decimal(rate_e, PERCENT_EXPONENT, 1)


def _put_self_trade(params: Params, intent: Intent, known: dict[SelfTrade, str]) -> None:
    if intent.self_trade is not SelfTrade.DEFAULT:
        params["selfTradePreventionMode"] = _of(known, intent.self_trade, Field.SELF_TRADE)


# Amending, cancelling, asking


def _amend(intent: Intent, instrument: Instrument) -> Params:
    """LIMIT orders; quantity is the new total. Both it and the price are mandatory (-1102)."""
    if intent.conditional:
        _refuse(
            Field.ACTION,
            "the venue cannot amend a conditional order before it is triggered: cancel and place",
        )
    params: Params = {"symbol": instrument.symbol, "side": _side(intent)}
    params["quantity"] = _quantity(intent.qty_e, instrument)
    _put_price(params, intent, instrument)
    return params | _id(intent, "orderId", "origClientOrderId")


def _ids(intent: Intent) -> Params:
    """Conditional orders have ids of their own, which need no symbol."""
    if intent.conditional:
        return _id(intent, "algoId", "clientAlgoId")
    assert intent.instrument is not None
    return {"symbol": intent.instrument.symbol} | _id(intent, "orderId", "origClientOrderId")


def _id(intent: Intent, number: str, name: str) -> Params:
    """The venue's number where it is known: a client id names the last order that had it."""
    if intent.order_id is not None:
        if intent.order_id < 0:
            _refuse(Field.ORDER_ID, f"{intent.order_id} is no id of the venue")
        return {number: intent.order_id}
    if intent.venue_order_id:
        _refuse(Field.ORDER_ID, "the venue's ids are numbers")
    return {name: _client_id(intent)}


# Values


def _side(intent: Intent) -> str:
    return intent.side.name


def _type(intent: Intent) -> str:
    if intent.order_type is OrderType.LIQUIDATION:
        _refuse(Field.ORDER_TYPE, "the venue's own")
    return intent.order_type.name


def _client_id(intent: Intent) -> str:
    if not CLIENT_ID.fullmatch(intent.client_order_id):
        _refuse(
            Field.CLIENT_ORDER_ID,
            f"{intent.client_order_id!r}: 1 to 36 of letters, digits and . : / _ -",
        )
    return intent.client_order_id


def _price(value_e: int | None, instrument: Instrument, name: Field) -> str:
    if value_e is None or value_e <= 0:
        _refuse(name, "a price above zero is needed")
    return decimal(value_e, instrument.price_exponent, instrument.price_digits)


def _quantity(value_e: int | None, instrument: Instrument) -> str:
    if value_e is None or value_e <= 0:
        _refuse(Field.QUANTITY, "a quantity above zero is needed")
    return decimal(value_e, instrument.qty_exponent, instrument.qty_digits)


def _of(known: dict[Any, str], value: Any, name: Field) -> str:
    found = known.get(value)
    if found is None:
        _refuse(name, f"not {value.name}; the venue has {', '.join(known.values())}")
    return found


def _refuse(name: Field, text: str) -> NoReturn:
    raise CannotEncode(name, f"{name.name.lower()}: {text}")
