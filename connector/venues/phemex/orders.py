"""Order intents in, signed requests out; what the venue has no order for is refused with what it
has. Sections 4.2 and 4.3 of the reference.

Numbers are the venue's integers as they are: prices in Ep, quantities in contracts; contracts
settled in USDT or USDC go to the hedged API, in decimals. Placing goes
with all parameters in the query, as the venue prefers; a conditional order keeps its id when it is
triggered, so nothing here asks whether it was.
"""

import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from connector._speedups.decimal import format as decimal
from connector.model.instrument import MARK_EXPONENT, Instrument
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
from connector.venues.contract import Request
from connector.venues.phemex.endpoints import ENDPOINTS
from connector.venues.phemex.numbers import HEDGED, hedged
from connector.venues.phemex.params import CLIENT_ID as CLIENT_ID_PATTERN
from connector.venues.phemex.signing import WINDOW_MS, KeySigner, sign
from connector.venues.trading_contract import CannotEncode, Intent, Signer

if TYPE_CHECKING:
    from connector._speedups.orders_phemex import PhemexEncoder

HOT = {Action.PLACE: "placeOrder", Action.CANCEL: "cancelOrder"}
"""What the compiled encoder writes; those of the hedged API cost the same."""
CLIENT_ID = re.compile(CLIENT_ID_PATTERN[1:-1])
ORDER_ID = re.compile(r"[0-9A-Za-z-]{1,40}")
BATCH_MOST = {Action.CANCEL: 10}
"""Orders of one batch request; the venue names no limit."""

SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
TYPES = {
    OrderType.LIMIT: "Limit",
    OrderType.MARKET: "Market",
    OrderType.STOP: "StopLimit",
    OrderType.STOP_MARKET: "Stop",
    OrderType.TAKE_PROFIT: "LimitIfTouched",
    OrderType.TAKE_PROFIT_MARKET: "MarketIfTouched",
    OrderType.TRAILING_STOP_MARKET: "Stop",
}
TIMES = {
    TimeInForce.GTC: "GoodTillCancel",
    TimeInForce.IOC: "ImmediateOrCancel",
    TimeInForce.FOK: "FillOrKill",
    TimeInForce.GTX: "PostOnly",
    TimeInForce.DAY: "Day",
}
# The index price was withdrawn on 2020-04-18.
TRIGGERS = {WorkingType.LAST: "ByLastPrice", WorkingType.MARK: "ByMarkPrice"}
DEFAULT_TRIGGER = WorkingType.MARK
"""What stands in the venue's own examples; left out, nothing says which price it would be."""
PRICED = {OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}
"""Types with a limit price; the others trade at the market."""
POSITION_SIDES = {
    PositionSide.BOTH: "Merged",
    PositionSide.LONG: "Long",
    PositionSide.SHORT: "Short",
}
SIDED = {"placeOrder", "amendOrder", "cancelOrder"}
"""Requests that name the position."""
SELF_TRADES = {
    SelfTrade.NONE: "None",
    SelfTrade.EXPIRE_TAKER: "CancelTaker",
    SelfTrade.EXPIRE_MAKER: "CancelMaker",
    SelfTrade.EXPIRE_BOTH: "CancelBoth",
}
RATIO = 10**8
CLOSING = {OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET}

Params = dict[str, str | int | bool]


def encode(intent: Intent, signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS) -> Request:
    """The complete signed request for an intent at the venue's time. Raises CannotEncode."""
    name, params = translate(intent)
    return sign(ENDPOINTS[name].request(**params), signer, venue_ns, window_ms)


def translate(intent: Intent) -> tuple[str, Params]:
    """The endpoint an intent goes to and its parameters, unsigned. Raises CannotEncode."""
    instrument = intent.instrument
    if instrument is None:
        _refuse(Field.INSTRUMENT, "every order request of the venue names a symbol")
    name, params = _translate(intent, instrument)
    return _hedged(name, params, intent, instrument) if hedged(instrument) else (name, params)


def _translate(intent: Intent, instrument: Instrument) -> tuple[str, Params]:
    match intent.action:
        case Action.PLACE:
            return "placeOrder", _place(intent, instrument)
        case Action.AMEND:
            return "amendOrder", _amend(intent, instrument)
        case Action.CANCEL:
            return "cancelOrder", {"symbol": instrument.symbol, **_id(intent, "clOrdID")}
        case Action.QUERY:
            return "queryOrder", {"symbol": instrument.symbol, **_id(intent, "clOrdID")}
        case Action.CANCEL_ALL:
            return "cancelAll", {"symbol": instrument.symbol, "untriggered": intent.conditional}
        case _:
            _refuse(Field.ACTION, f"no request for {intent.action!r}")


def _hedged(
    name: str, params: Params, intent: Intent, instrument: Instrument
) -> tuple[str, Params]:
    """The same request of the hedged API: decimals as texts by other names, and the side of the
    position wherever an order is meant."""
    found: Params = {}
    for key, value in params.items():
        if key.endswith("Ep"):
            found[f"{key[:-2]}Rp"] = decimal(
                int(value), instrument.price_exponent, instrument.price_digits
            )
        elif key == "orderQty":
            found["orderQtyRq"] = decimal(
                int(value), instrument.qty_exponent, instrument.qty_digits
            )
        else:
            found[key] = value
    if name in SIDED:
        found["posSide"] = POSITION_SIDES[intent.position_side]
    if name == "placeOrder" and intent.self_trade is not SelfTrade.DEFAULT:
        found["stpInstruction"] = _of(SELF_TRADES, intent.self_trade, Field.SELF_TRADE)
    return f"g{name[0].upper()}{name[1:]}", found


def together(intent: Intent) -> Hashable | None:
    """Cancels of one symbol, of one position, share a request where the venue's own ids are
    known."""
    if intent.action is not Action.CANCEL or not intent.venue_order_id or not intent.instrument:
        return None
    return intent.action, intent.instrument.symbol, intent.position_side


def encoder(
    signer: Signer, host: str, prefix: str = "", window_ms: int = WINDOW_MS
) -> "PhemexEncoder | None":
    """The compiled encoder of a key for one host (as in the Host header)."""
    if not isinstance(signer, KeySigner):
        return None
    # Only who trades pays for loading it.
    from connector._speedups.orders_phemex import PhemexEncoder

    return PhemexEncoder(signer.made.raw, signer.key, host, prefix, window_ms, hedged=HEDGED)


def encode_batch(
    intents: Sequence[Intent], signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS
) -> Request:
    """One request for several cancels of one symbol by the venue's ids. Raises CannotEncode."""
    if {intent.action for intent in intents} != {Action.CANCEL}:
        _refuse(Field.BATCH, "the venue has batches of cancels alone")
    if len(intents) > BATCH_MOST[Action.CANCEL]:
        _refuse(Field.BATCH, f"{len(intents)} of them; at most {BATCH_MOST[Action.CANCEL]}")
    rows = [translate(intent)[1] for intent in intents]
    if len({(row["symbol"], row.get("posSide")) for row in rows}) != 1:
        _refuse(Field.BATCH, "the cancels of a batch are of one symbol, and of one position")
    if not all("orderID" in row for row in rows):
        _refuse(Field.BATCH, "the cancels of a batch name the venue's ids")
    params = rows[0] | {"orderID": ",".join(str(row["orderID"]) for row in rows)}
    name = "gCancelBatch" if "posSide" in params else "cancelBatch"
    return sign(ENDPOINTS[name].request(**params), signer, venue_ns, window_ms)


# Placing


def _place(intent: Intent, instrument: Instrument) -> Params:
    _without(intent, hedged(instrument))
    kind = intent.order_type
    params: Params = {
        "clOrdID": _client_id(intent),
        "symbol": instrument.symbol,
        "side": SIDES[intent.side],
        "ordType": _of(TYPES, kind, Field.ORDER_TYPE),
        "orderQty": _quantity(intent),
    }
    if kind in PRICED:
        params["priceEp"] = _price(intent.price_e, Field.PRICE)
        wanted = intent.time_in_force
        wanted = TimeInForce.GTC if wanted is TimeInForce.NONE else wanted
        params["timeInForce"] = _of(TIMES, wanted, Field.TIME_IN_FORCE)
    elif intent.price_e is not None:
        _refuse(Field.PRICE, "an order that trades at the market has none")
    elif intent.time_in_force is not TimeInForce.NONE:
        _refuse(Field.TIME_IN_FORCE, "an order that trades at the market has none")
    if intent.flags & CommandFlag.REDUCE_ONLY:
        params["reduceOnly"] = True
    if intent.flags & CommandFlag.CLOSE_POSITION:
        params["closeOnTrigger"] = True
    if kind is OrderType.TRAILING_STOP_MARKET:
        params |= _trail(intent, instrument)
    elif kind.conditional:
        params["stopPxEp"] = _price(intent.stop_price_e, Field.STOP_PRICE)
    if kind.conditional:
        wanted_trigger = intent.working_type
        if wanted_trigger is WorkingType.DEFAULT:
            wanted_trigger = DEFAULT_TRIGGER
        params["triggerType"] = _of(TRIGGERS, wanted_trigger, Field.WORKING_TYPE)
    else:
        _only_conditional(intent)
    return params


def _without(intent: Intent, hedged: bool) -> None:
    """What no order of the venue, or of the contract API, can carry."""
    trailing = intent.order_type is OrderType.TRAILING_STOP_MARKET
    for given, wrong, text in (
        (
            not hedged and intent.position_side is not PositionSide.BOTH,
            Field.POSITION_SIDE,
            "a contract has one position, on either side",
        ),
        (
            intent.price_match is not PriceMatch.NONE,
            Field.PRICE_MATCH,
            "the venue takes no price from its book",
        ),
        (
            not hedged and intent.self_trade is not SelfTrade.DEFAULT,
            Field.SELF_TRADE,
            "not for the contracts of this API",
        ),
        (intent.good_till_ns is not None, Field.GOOD_TILL, "the venue has no such orders"),
        (
            bool(intent.flags & CommandFlag.PRICE_PROTECT),
            Field.PRICE_PROTECT,
            "the venue has no such orders",
        ),
        (
            not trailing and intent.callback_rate_e is not None,
            Field.CALLBACK_RATE,
            "only trailing orders have one",
        ),
        (
            not trailing and intent.activation_price_e is not None,
            Field.ACTIVATION_PRICE,
            "only trailing orders have one",
        ),
    ):
        if given:
            _refuse(wrong, text)


def _trail(intent: Intent, instrument: Instrument) -> Params:
    """The venue trails by a fixed offset of the price, below 0 of a sell: the rate's share of the
    activation price or else of the mark price, to the nearest tick."""
    if intent.stop_price_e is not None:
        _refuse(Field.STOP_PRICE, "a trailing order has an activation price in its place")
    rate_e = _positive(intent.callback_rate_e, Field.CALLBACK_RATE, "a rate above zero is needed")
    if rate_e >= RATIO:
        _refuse(Field.CALLBACK_RATE, "a rate below 1 is needed")
    activation_e = intent.activation_price_e
    if activation_e is not None:
        price_e = _price(activation_e, Field.ACTIVATION_PRICE)
        params: Params = {"pegPriceType": "TrailingTakeProfitPeg", "stopPxEp": price_e}
    else:
        price_e = intent.mark_price_e // 10 ** (MARK_EXPONENT - instrument.price_exponent)
        params = {"pegPriceType": "TrailingStopPeg"}
    if not price_e:
        text = "the venue trails by an offset of the price, and its mark price is not known yet"
        _refuse(Field.ACTIVATION_PRICE, text)
    share, tick = 2 * price_e * rate_e, RATIO * instrument.tick_e
    ticks = max(1, (share + tick) // (2 * tick))
    sign = -1 if intent.side is Side.SELL else 1
    return params | {"pegOffsetValueEp": sign * ticks * instrument.tick_e}


def _only_conditional(intent: Intent) -> None:
    """What a LIMIT or MARKET order cannot carry."""
    for given, wrong in (
        (intent.stop_price_e is not None, Field.STOP_PRICE),
        (intent.working_type is not WorkingType.DEFAULT, Field.WORKING_TYPE),
    ):
        if given:
            _refuse(wrong, "only conditional orders have one")


def _quantity(intent: Intent) -> int:
    """Contracts; 0 for what closes the whole position when it triggers."""
    if not intent.flags & CommandFlag.CLOSE_POSITION:
        return _positive(intent.qty_e, Field.QUANTITY, "a quantity above zero is needed")
    if intent.order_type not in CLOSING:
        _refuse(Field.CLOSE_POSITION, "only STOP_MARKET and TAKE_PROFIT_MARKET close a position")
    if intent.qty_e is not None:
        _refuse(Field.QUANTITY, "an order that closes the position has none")
    if intent.flags & CommandFlag.REDUCE_ONLY:
        _refuse(Field.REDUCE_ONLY, "not together with close_position")
    return 0


# Amending, cancelling, asking


def _amend(intent: Intent, instrument: Instrument) -> Params:
    """Absolute values; what is not given stays as it is."""
    params: Params = {"symbol": instrument.symbol, **_id(intent, "origClOrdID")}
    if intent.price_e is not None:
        params["priceEp"] = _price(intent.price_e, Field.PRICE)
    if intent.qty_e is not None:
        params["orderQty"] = _positive(
            intent.qty_e, Field.QUANTITY, "a quantity above zero is needed"
        )
    if intent.stop_price_e is not None:
        params["stopPxEp"] = _price(intent.stop_price_e, Field.STOP_PRICE)
    if intent.price_match is not PriceMatch.NONE:
        _refuse(Field.PRICE_MATCH, "the venue takes no price from its book")
    if len(params) == 2:
        _refuse(Field.PRICE, "an amend names a price or a quantity")
    return params


def _id(intent: Intent, name: str) -> Params:
    """The venue's id where it is known, and never both: a client id names the last order that had
    it, and two names are an error."""
    if intent.order_id is not None:
        _refuse(Field.ORDER_ID, "the venue's ids are texts")
    if intent.venue_order_id:
        if not ORDER_ID.fullmatch(intent.venue_order_id):
            _refuse(Field.ORDER_ID, f"{intent.venue_order_id!r} is no id of the venue")
        return {"orderID": intent.venue_order_id}
    return {name: _client_id(intent)}


# Values


def _client_id(intent: Intent) -> str:
    if not CLIENT_ID.fullmatch(intent.client_order_id):
        _refuse(
            Field.CLIENT_ORDER_ID,
            f"{intent.client_order_id!r}: 1 to 40 of letters, digits and . _ ~ -",
        )
    return intent.client_order_id


def _price(value_e: int | None, name: Field) -> int:
    return _positive(value_e, name, "a price above zero is needed")


def _positive(value_e: int | None, name: Field, text: str) -> int:
    if value_e is None or value_e <= 0:
        _refuse(name, text)
    return value_e


def _of(known: dict[Any, str], value: Any, name: Field) -> str:
    found = known.get(value)
    if found is None:
        _refuse(name, f"not {value.name}; the venue has {', '.join(known.values())}")
    return found


def _refuse(name: Field, text: str) -> NoReturn:
    raise CannotEncode(name, f"{name.name.lower()}: {text}")
