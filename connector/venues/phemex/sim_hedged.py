"""The requests of the second family: the same orders and positions in decimal texts, with the side
of the position named wherever an order is meant.

Written from the venue's reference alone, section 10.1. A request is put in the first family's
integers, done by it, and its answer written as texts again.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.sim.matching.types import MarginType, PositionSide, Reason, Refused
from connector.venues.phemex import sim_history, sim_orders, sim_texts
from connector.venues.phemex.sim_desk import MS_NS, Desk
from connector.venues.phemex.sim_listings import DECIMAL_CURRENCIES, decimal_family
from connector.venues.phemex.sim_orders import Handler, symbol_of
from connector.venues.phemex.sim_params import BAD, BAD_POSITION_SIDE, Fault, Scaled, word
from connector.venues.phemex.sim_params import POSITIONS as POSITION_SIDES
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_texts import RATIO_DIGITS, VALUE_DIGITS

PRICES = ("priceRp", "stopPxRp", "takeProfitRp", "stopLossRp", "tpPxRp", "slPxRp",
          "pegOffsetValueRp")  # fmt: skip
QUANTITIES = ("orderQtyRq", "displayQtyRq")
TRADE_MODES = {False: "OneWay", True: "Hedged"}

# The venue's numbers of its words, in the rows of its second history.
SIDES = {"Buy": 1, "Sell": 2}
POSITIONS = {"Long": 1, "Short": 2, "Merged": 3}
KINDS = {"Market": 1, "Limit": 2, "Stop": 3, "StopLimit": 4, "MarketIfTouched": 5,
         "LimitIfTouched": 6}  # fmt: skip
STATUSES = {"Created": 0, "Untriggered": 1, "Deactivated": 2, "Triggered": 3, "Rejected": 4,
            "New": 5, "PartiallyFilled": 6, "Filled": 7, "Canceled": 8}  # fmt: skip
EVENTS = {"Aborted": 2, "New": 5, "MakerFill": 6, "TakerFill": 7, "Expired": 8, "Canceled": 11,
          "CreateRejected": 19}  # fmt: skip
ACTIONS = {"New": 1, "Cancel": 2, "Replace": 3, "CancelAll": 4, "LiqRequest": 11,
           "SettleFundingFee": 13}  # fmt: skip
NAMES = {"orderID": "orderId", "clOrdID": "clOrdId", "orderType": "ordType"}
TRADES = {"Trade": 1, "Funding": 4, "LiqTrade": 6, "AdlTrade": 7}


def units(fields: Mapping[str, Any], name: str, digits: int) -> int | None:
    """A decimal text as a whole number of 10**-digits; None when it is not there. Raises `Fault`
    also for a number that is no text."""
    text = fields.get(name)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise Fault(BAD)
    try:
        found = Decimal(text).scaleb(digits)
    except InvalidOperation:
        raise Fault(BAD) from None
    if not found.is_finite() or found != found.to_integral_value():
        raise Fault(BAD)
    return int(found)


def scaled(desk: Desk, fields: Mapping[str, Any]) -> Scaled:
    """The fields of a request as the first family has them. Raises `Fault`."""
    found = Scaled(fields)
    if "symbol" not in fields:
        return found
    rules = desk.rules(symbol_of(desk, found))
    for name in PRICES:
        price_ep = units(fields, name, rules.price_digits)
        if price_ep is not None:
            found[f"{name[:-2]}Ep"] = price_ep
    for name in QUANTITIES:
        qty = units(fields, name, rules.qty_digits)
        if qty is not None:
            if qty % rules.step_units:
                raise Fault(BAD)
            found[name[:-2]] = qty // rules.step_units
    balance_ev = units(fields, "posBalanceRv", VALUE_DIGITS)
    if balance_ev is not None:
        found["posBalanceEv"] = balance_ev
    return found


def texts(desk: Desk, data: Any) -> Any:
    """The data of an answer as this family writes it."""
    if isinstance(data, list):
        return [texts(desk, each) for each in data]
    if not isinstance(data, dict):
        return data
    if "rows" in data:
        return data | {"rows": texts(desk, data["rows"])}
    if "positions" in data:
        rows = data["positions"]
        return {
            "account": sim_texts.account(data["account"]),
            "positions": [sim_texts.position(row, desk.rules(row["symbol"])) for row in rows],
        }
    return sim_texts.order(data, desk.rules(data["symbol"]), "Rq") if "symbol" in data else data


def _in_texts(handler: Handler, *, order: bool = False) -> Handler:
    """A request of the first family, asked and answered in this one's way; ``order``: it names the
    position that an order is of."""

    def handled(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
        given = scaled(desk, fields)
        if order:
            _side(fields)
        return texts(desk, handler(desk, person, given, now_ns))

    return handled


def cancel_all(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> int:
    """Of the symbols that are named, or of all."""
    names = [name for name in word(fields, "symbol").split(",") if name]
    for name in names:
        symbol_of(desk, Scaled(symbol=name))
    symbols = names or [each for each in desk.engine.symbols() if decimal_family(each)]
    return sim_orders.cancel_each(desk, person, Scaled(fields), symbols, now_ns)


# Settings


def set_leverage(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> str:
    """One for the one position, or one for each side. The engine counts margin with the lower."""
    symbol = symbol_of(desk, Scaled(fields))
    one = units(fields, "leverageRr", RATIO_DIGITS)
    each = [units(fields, f"{side}LeverageRr", RATIO_DIGITS) for side in ("long", "short")]
    hedged = desk.engine.hedge_mode(person.name, symbol)
    wanted = each if hedged else [one]
    if hedged == (one is not None) or None in wanted or (not hedged and any(each)):
        raise Fault(BAD_POSITION_SIDE)
    asked = [value for value in wanted if value is not None]
    most = desk.rules(symbol).max_leverage * 10**RATIO_DIGITS
    mixed = len({value > 0 for value in asked}) > 1
    if mixed or any(abs(value) > most for value in asked):
        raise Fault(11004)
    lowest = min(asked, key=lambda value: abs(value) or most)
    sim_orders.set_leverage(desk, person, Scaled(symbol=symbol, leverageEr=lowest), now_ns)
    sides = (PositionSide.LONG, PositionSide.SHORT) if hedged else (PositionSide.BOTH,)
    for side, value in zip(sides, asked, strict=True):
        person.holding(symbol, side).leverage_er = value
    return "OK"


def set_mode(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> str:
    """One position of a symbol, or one of each side; not while there is an order or a position."""
    symbol, wanted = symbol_of(desk, Scaled(fields)), word(fields, "targetPosMode")
    if wanted not in TRADE_MODES.values():
        raise Fault(BAD)
    hedged = wanted == TRADE_MODES[True]
    try:
        desk.engine.set_hedge_mode(person.name, hedged, now_ns, symbol=symbol)
    except Refused as refused:
        if refused.reason != Reason.NO_CHANGE:
            raise Fault(BAD, "open orders or a position") from None
    for place in [place for place in person.holdings if place[0] == symbol]:
        if (place[1] == PositionSide.BOTH) == hedged:
            del person.holdings[place]
    return "OK"


def risk_units(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> list[Any]:
    """How the account's margin is shared: by all positions of a currency that are not isolated."""
    rows = []
    for currency in DECIMAL_CURRENCIES:
        if currency not in person.balances:
            continue
        row = sim_texts.account(desk.account(person, currency))
        rows.append(_unit(row, "SingleAsset", "", ""))
        for symbol in desk.engine.symbols():
            config = desk.engine.symbol_config(person.name, symbol)
            if decimal_family(symbol) and config.margin_type == MarginType.ISOLATED:
                for each in desk.positions(person, symbol, desk.account(person, currency)):
                    rows.append(_unit(row, "Isolated", symbol, each["posSide"]))
    return rows


def _unit(row: Mapping[str, Any], mode: str, symbol: str, side: str) -> dict[str, Any]:
    return {
        "userId": row["userID"],
        "riskMode": mode,
        "valuationCcy": row["currency"],
        "symbol": symbol,
        "posSide": side,
        "totalEquityRv": row["accountBalanceRv"],
        "totalPosCostRv": row["totalUsedBalanceRv"],
    }


# Histories


def listed(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    """The second history of orders: of one symbol or all, its words as numbers."""
    statuses, kinds = _codes(fields, "ordStatus"), _codes(fields, "ordType")
    rows = [
        each.row() | {"actionBy": 1}
        for each in reversed(person.tickets.values())
        if _asked(desk, fields, each.wish.symbol)
        and (not statuses or STATUSES[each.status] in statuses)
        and (not kinds or KINDS.get(each.wish.kind) in kinds)
    ]
    page = texts(desk, sim_history.page(rows, Scaled(fields), "actionTimeNs"))
    page["rows"] = [_order_row(row) for row in page["rows"]]
    return sim_history.listed(page, fields)


def traded(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    """The second history of fills and funding."""
    kinds = _codes(fields, "execType")
    rows = [
        each
        for each in reversed(person.trades)
        if _asked(desk, fields, each["symbol"])
        and (not kinds or TRADES[each["tradeType"]] in kinds)
    ]
    page = texts(desk, sim_history.page(rows, Scaled(fields), "transactTimeNs"))
    page["rows"] = [_trade_row(row) for row in page["rows"]]
    return sim_history.listed(page, fields)


def _codes(fields: Mapping[str, Any], name: str) -> list[int]:
    """Numbers with commas between them. Raises `Fault`."""
    try:
        return [int(each) for each in word(fields, name).split(",") if each]
    except ValueError:
        raise Fault(BAD) from None


def _respelt(data: Any) -> Any:
    """Orders as the first history of this family tells them, which says Id and not ID."""
    if isinstance(data, dict):
        return data | {"rows": _respelt(data["rows"])}
    return [{NAMES.get(name, name): value for name, value in row.items()} for row in data]


def _selected(desk: Desk, fields: Mapping[str, Any]) -> Callable[[str], bool]:
    """Which symbols a first history is asked for: one, several, or all of a currency. Raises
    `Fault`."""
    symbols = [each.strip() for each in word(fields, "symbols").split(",") if each]
    symbols = [fields["symbol"]] if fields.get("symbol") else symbols
    for symbol in symbols:
        symbol_of(desk, Scaled(symbol=symbol))
    currency = word(fields, "currency")
    if not symbols and currency not in DECIMAL_CURRENCIES:
        raise Fault(BAD)
    return lambda symbol: symbol in symbols if symbols else desk.rules(symbol).asset == currency


def orders(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    """Every order, open or not, newest first."""
    wanted = _selected(desk, fields)
    rows = [each.row() for each in reversed(person.tickets.values()) if wanted(each.wish.symbol)]
    return _respelt(texts(desk, sim_history.page(rows, Scaled(fields), "actionTimeNs")))


def trades(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    """Fills and funding, newest first."""
    wanted = _selected(desk, fields)
    rows = [each for each in reversed(person.trades) if wanted(each["symbol"])]
    return texts(desk, sim_history.page(rows, Scaled(fields), "transactTimeNs"))


def some(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    return _respelt(_in_texts(sim_orders.some)(desk, person, fields, now_ns))


def set_risk_limit(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> str:
    """It follows the leverage: only what it is can be asked for."""
    limit_ev = units(fields, "riskLimitRv", VALUE_DIGITS)
    symbol = symbol_of(desk, Scaled(fields))
    if desk.view(person, symbol, POSITION_SIDES[_side(fields)]) is None:
        raise Fault(BAD_POSITION_SIDE)
    given = Scaled(symbol=symbol, riskLimitEv=limit_ev)
    return sim_orders.set_risk_limit(desk, person, given, now_ns)


def _side(fields: Mapping[str, Any]) -> str:
    side = word(fields, "posSide")
    if side not in POSITIONS:
        raise Fault(BAD_POSITION_SIDE)
    return side


def _asked(desk: Desk, fields: Mapping[str, Any], symbol: str) -> bool:
    """Whether a second history that is asked for has that symbol in it."""
    currency, wanted = word(fields, "currency"), word(fields, "symbol")
    if currency not in DECIMAL_CURRENCIES:
        raise Fault(11028)
    return wanted in ("", symbol) and desk.rules(symbol).asset == currency


def closed_positions(desk: Desk, person: Person, fields: Mapping[str, Any], now_ns: int) -> Any:
    return sim_history.closed_positions(desk, person, Scaled(fields), now_ns)


def _order_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "createdAt": row["actionTimeNs"] // MS_NS,
        "symbol": row["symbol"],
        "orderQtyRq": row["orderQtyRq"],
        "side": SIDES[row["side"]],
        "posSide": POSITIONS[row["posSide"]],
        "priceRp": row["priceRp"],
        "execQtyRq": row["cumQtyRq"],
        "leavesQtyRq": row["leavesQtyRq"],
        "cumValueRv": row["cumValueRv"],
        "leavesValueRv": row["leavesValueRv"],
        "stopPxRp": row["stopPxRp"],
        "actionBy": row["actionBy"],
        "ordType": KINDS[row["orderType"]],
        "ordStatus": STATUSES[row["ordStatus"]],
        "clOrdId": row["clOrdID"],
        "orderId": row["orderID"],
        "execStatus": EVENTS.get(row["execStatus"], 0),
        "bizError": row["bizError"],
        "tradeType": 0,
    }


def _trade_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "createdAt": row["transactTimeNs"] // MS_NS,
        "symbol": row["symbol"],
        "currency": row["currency"],
        "action": ACTIONS[row["action"]],
        "tradeType": TRADES[row["tradeType"]],
        "execQtyRq": row["execQtyRq"],
        "execPriceRp": row["execPriceRp"],
        "side": SIDES[row["side"]],
        "posSide": POSITIONS[row["posSide"]],
        "orderQtyRq": row["orderQtyRq"],
        "priceRp": row["priceRp"],
        "execValueRv": row["execValueRv"],
        "feeRateRr": row["feeRateRr"],
        "execFeeRv": row["execFeeRv"],
        "closedSizeRq": row["closedSizeRq"],
        "closedPnlRv": row["closedPnlRv"],
        "ordType": KINDS.get(row["ordType"], 0),
        "execId": row["execID"],
        "orderId": row["orderID"],
        "clOrdId": row["clOrdID"],
        "execStatus": EVENTS.get(row["execStatus"], 0),
    }


HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "/g-orders"): _in_texts(sim_orders.place, order=True),
    ("PUT", "/g-orders/create"): _in_texts(sim_orders.place, order=True),
    ("PUT", "/g-orders/replace"): _in_texts(sim_orders.amend, order=True),
    ("DELETE", "/g-orders/cancel"): _in_texts(sim_orders.cancel, order=True),
    ("DELETE", "/g-orders"): _in_texts(sim_orders.cancel_some, order=True),
    ("DELETE", "/g-orders/all"): cancel_all,
    ("GET", "/g-orders/activeList"): _in_texts(sim_orders.active),
    ("GET", "/g-orders/active"): _in_texts(sim_orders.one_active),
    ("GET", "/g-accounts/accountPositions"): _in_texts(sim_orders.positions),
    ("GET", "/g-accounts/positions"): _in_texts(sim_orders.live_positions),
    ("GET", "/g-accounts/risk-unit"): risk_units,
    ("PUT", "/g-positions/leverage"): set_leverage,
    ("POST", "/g-positions/assign"): _in_texts(sim_orders.assign, order=True),
    ("PUT", "/g-positions/switch-pos-mode-sync"): set_mode,
    ("PUT", "/g-positions/riskLimit"): set_risk_limit,
    ("GET", "/api-data/g-futures/closedPosition"): closed_positions,
    ("GET", "/api-data/g-futures/orders"): orders,
    ("GET", "/api-data/g-futures/funding-fees"): _in_texts(sim_history.fundings),
    ("GET", "/api-data/g-futures/orders/by-order-id"): some,
    ("GET", "/api-data/g-futures/trades"): trades,
    ("GET", "/exchange/order/v2/orderList"): listed,
    ("GET", "/exchange/order/v2/tradingList"): traded,
}
