"""What the simulated Phemex does with orders and positions when it is asked to.

Written from the venue's reference alone. Every function has the desk, whose request it is, its
fields (of the query, or of the body) and the time; it gives the ``data`` of the answer or raises
`Fault`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from connector.sim.matching.types import (
    Amendment,
    MarginType,
    NewConditional,
    NewOrder,
    OrderType,
    PositionSide,
    Reason,
    Refused,
    Side,
)
from connector.venues.phemex import sim_aop, sim_attached
from connector.venues.phemex.sim_desk import ABORTS, Desk
from connector.venues.phemex.sim_listings import (
    DECIMAL_CURRENCIES,
    LISTED,
    LISTINGS,
    decimal_family,
)
from connector.venues.phemex.sim_params import (
    BAD,
    BAD_POSITION_SIDE,
    LONGEST_ID,
    POSITIONS,
    PROFIT_PEG,
    STPS,
    TIFS,
    TRIGGERS,
    TYPES,
    Fault,
    Scaled,
    Wish,
    flag,
    integer,
    scaled,
    wish,
    word,
)
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_refusals import code_of
from connector.venues.phemex.sim_tickets import OPEN, Ticket
from connector.venues.sim_contract import Contract

Fields = Mapping[str, Any]
Handler = Callable[[Desk, Person, Fields, int], Any]

NOT_FOUND, MISSING_ID, DUPLICATE, UNKNOWN_SYMBOL, NOT_LISTED = 10002, 11111, 11085, 11027, 39997
BAD_TRIGGER = {"Rising": 11043, "Falling": 11044}
BAD_ACTIVATION = {Side.SELL: 11093, Side.BUY: 11094}
"""Of what trails from a price on; the venue names the position, not the order."""
TRAILS_ALREADY, NOT_REDUCING = 11095, 11057
E8_DIGITS = 8


def symbol_of(desk: Desk, fields: Fields) -> str:
    """The symbol of a request, which must be listed, in its family. Raises `Fault`."""
    symbol = word(fields, "symbol")
    if decimal_family(symbol) != isinstance(fields, Scaled):
        raise Fault(UNKNOWN_SYMBOL)
    row = desk.market.symbols.get(symbol) if desk.market is not None else None
    known = symbol in {each.symbol for each in LISTINGS}
    if row is None or symbol not in desk.engine.symbols():
        raise Fault(NOT_LISTED if known else UNKNOWN_SYMBOL)
    if isinstance(row, Contract) and row.status not in ("", LISTED):
        raise Fault(NOT_LISTED)
    return symbol


# Orders


def place(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    asked = wish(fields)
    symbol_of(desk, fields)
    if asked.client_id and asked.client_id in person.by_client:
        raise Fault(DUPLICATE)
    view = desk.view(person, asked.symbol, asked.position_side)
    if view is None:
        raise Fault(BAD_POSITION_SIDE)
    try:
        sim_attached.check(person, desk.rules(asked.symbol), asked, view)
    except Refused as refused:
        raise Fault(code_of(refused.reason)) from None
    if asked.trailing and any(
        each.open and each.wish.trailing and _place(each.wish) == _place(asked)
        for each in person.alive.values()
    ):
        raise Fault(TRAILS_ALREADY)
    ticket = desk.ticket(person, asked, now_ns)
    answer = ticket.row()
    try:
        _submit(desk, person, ticket, now_ns)
    except Refused as refused:
        if refused.reason in ABORTS:
            desk.aborted(person, ticket, ABORTS[refused.reason], now_ns)
            return answer
        code = _code(refused, ticket)
        desk.rejected(person, ticket, code, now_ns)
        raise Fault(code) from None
    finally:
        desk.follow()
    return answer


def _place(asked: Wish) -> tuple[str, str, Side]:
    """What a trailing order closes: there is one of each."""
    return asked.symbol, asked.position, asked.side


def _code(refused: Refused, ticket: Ticket) -> int:
    """The business error of what the engine says to a new version of the order."""
    if refused.reason == Reason.WOULD_TRIGGER and ticket.wish.trailing:
        return BAD_ACTIVATION[ticket.wish.side]
    if refused.reason == Reason.WOULD_TRIGGER:
        return BAD_TRIGGER[ticket.direction]
    return code_of(refused.reason)


def _submit(desk: Desk, person: Person, ticket: Ticket, now_ns: int) -> None:
    """Hand an order to the matching engine. Raises Refused."""
    asked, rules = ticket.wish, desk.rules(ticket.wish.symbol)
    kind, tif = TYPES[asked.kind], TIFS[asked.tif]
    priced = kind in (OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT)
    tick = rules.ticks(asked.price_ep, rules.price_digits) if priced else 0
    position = asked.position_side
    reduces = _reduces(asked)
    # The client id of an order that has none is not the engine's to make.
    name = asked.client_id or ticket.order_id
    if not ticket.conditional:
        if kind == OrderType.MARKET and asked.tif == "PostOnly":
            raise Refused(Reason.BAD_REQUEST)
        desk.engine.place(
            person.name,
            NewOrder(
                symbol=asked.symbol, side=asked.side, type=kind, lots=asked.qty, tick=tick,
                tif=tif, client_id=name, reduce_only=reduces, stp=STPS[asked.stp],
                position_side=position,
            ),
            now_ns,
        )  # fmt: skip
        return
    # Without a quantity it closes all there is when it triggers.
    whole = asked.close and not asked.qty
    trigger = rules.ticks(asked.stop_ep, rules.price_digits)
    desk.engine.place_conditional(
        person.name,
        NewConditional(
            symbol=asked.symbol, side=asked.side,
            type=OrderType.TRAILING_STOP_MARKET if asked.trailing else kind,
            lots=asked.qty, tick=tick, tif=tif, position_side=position,
            trigger_tick=0 if asked.trailing else trigger,
            activate_tick=trigger if asked.peg == PROFIT_PEG else 0,
            offset_e8=abs(asked.peg_ep) * 10 ** (E8_DIGITS - rules.price_digits),
            client_id=name, reduce_only=reduces and not whole,
            close_position=whole, working_type=TRIGGERS[asked.trigger],
        ),
        now_ns,
    )  # fmt: skip


def _reduces(asked: Wish) -> bool:
    """Whether the engine must hold it to reducing; of two positions each has a side that only
    reduces, and one that never does. Raises `Fault`."""
    if asked.position_side == PositionSide.BOTH:
        return asked.reduce_only
    opening = Side.BUY if asked.position_side == PositionSide.LONG else Side.SELL
    if asked.reduce_only and asked.side == opening:
        raise Fault(NOT_REDUCING)
    return False


def _named(person: Person, fields: Fields, id_name: str, client_name: str) -> Ticket:
    """The open order that a request names. Raises `Fault`."""
    order_id, client_id = word(fields, id_name), word(fields, client_name)
    if not order_id and not client_id:
        raise Fault(MISSING_ID)
    found = person.find(order_id, client_id)
    if found is None or not found.open or found.wish.symbol != fields.get("symbol"):
        raise Fault(NOT_FOUND)
    if "posSide" in fields and fields["posSide"] != found.wish.position:
        raise Fault(BAD_POSITION_SIDE)
    return found


def amend(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """The answer has the new price at once; the engine's word comes on the private stream."""
    symbol = symbol_of(desk, fields)
    ticket = _named(person, fields, "orderID", "origClOrdID")
    rules = desk.rules(symbol)
    if any(scaled(fields, name, rules.price_digits) for name in ("takeProfit", "stopLoss")):
        raise Fault(BAD, "amending what came with an order is not simulated")
    price_ep = scaled(fields, "price", rules.price_digits)
    stop_ep = scaled(fields, "stopPx", rules.price_digits)
    qty = integer(fields, "orderQty")
    price_ep = ticket.price_ep if price_ep is None else price_ep
    qty = ticket.qty if qty is None else qty
    if ticket.conditional and not ticket.engine_id:
        was = ticket.wish
        peg_ep = integer(fields, "pegOffsetValueEp")
        now = replace(
            was, price_ep=price_ep, qty=qty,
            stop_ep=was.stop_ep if stop_ep is None else stop_ep,
            peg_ep=was.peg_ep if peg_ep is None or not was.trailing else peg_ep,
        )  # fmt: skip
        return _amend_conditional(desk, person, ticket, now, now_ns)
    if (price_ep, qty) == (ticket.price_ep, ticket.qty):
        raise Fault(11065)
    if qty <= ticket.filled:
        raise Fault(11012)
    shown = ticket.row(
        priceEp=price_ep, orderQty=qty, execStatus="PendingReplace", actionTimeNs=now_ns
    )
    before = ticket.action, ticket.action_ns, ticket.request
    desk.asked(person, ticket, "Replace", now_ns)
    try:
        change = Amendment(
            symbol=symbol, side=ticket.wish.side, lots=qty, order_id=ticket.engine_id,
            tick=rules.ticks(price_ep, rules.price_digits),
        )  # fmt: skip
        desk.engine.amend(person.name, change, now_ns)
    except Refused as refused:
        ticket.action, ticket.action_ns, ticket.request = before
        raise Fault(code_of(refused.reason)) from None
    finally:
        desk.follow()
    return shown


def _amend_conditional(
    desk: Desk, person: Person, ticket: Ticket, now: Wish, now_ns: int
) -> dict[str, Any]:
    """A waiting order that changes is another one for the engine, and the same for its owner."""
    was = ticket.wish
    if now == was:
        raise Fault(11065)
    shown = ticket.row(
        priceEp=now.price_ep, orderQty=now.qty, stopPxEp=now.stop_ep,
        pegOffsetValueEp=now.peg_ep, execStatus="PendingReplace",
    )  # fmt: skip
    desk.engine.cancel_conditional(person.name, now_ns, algo_id=ticket.algo_id)
    desk.engine.take_events()
    ticket.wish = now
    try:
        _submit(desk, person, ticket, now_ns)
    except Refused as refused:
        ticket.wish = was
        _submit(desk, person, ticket, now_ns)
        desk.engine.take_events()
        ticket.algo_id = desk.engine.open_conditionals(person.name)[-1].algo_id
        person.by_algo[ticket.algo_id] = ticket.number
        raise Fault(_code(refused, ticket)) from None
    desk.asked(person, ticket, "Replace", now_ns)
    ticket.price_ep, ticket.qty = now.price_ep, now.qty
    desk.follow()
    return shown


def cancel(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """The answer shows the order as it was: that it is gone says the private stream."""
    symbol_of(desk, fields)
    if word(fields, "orderID") and word(fields, "clOrdID"):
        raise Fault(BAD)
    ticket = _named(person, fields, "orderID", "clOrdID")
    return _cancel(desk, person, ticket, "Cancel", now_ns)


def _cancel(desk: Desk, person: Person, ticket: Ticket, action: str, now_ns: int) -> dict[str, Any]:
    desk.asked(person, ticket, action, now_ns)
    shown = ticket.row(execStatus="PendingCancel")
    try:
        if ticket.engine_id:
            symbol, number = ticket.wish.symbol, ticket.engine_id
            desk.engine.cancel(person.name, symbol, now_ns, order_id=number)
        else:
            desk.engine.cancel_conditional(person.name, now_ns, algo_id=ticket.algo_id)
    except Refused as refused:
        raise Fault(code_of(refused.reason)) from None
    finally:
        desk.follow()
    return shown


def cancel_some(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[dict[str, Any]]:
    """Each by itself, in the order of the list; what is not there has its own error."""
    symbol_of(desk, fields)
    names, by = word(fields, "orderID"), "orderID"
    if not names:
        names, by = word(fields, "clOrdID"), "clOrdID"
    if not names:
        raise Fault(MISSING_ID)
    kept = {key: fields[key] for key in ("symbol", "posSide") if key in fields}
    asked = Scaled if isinstance(fields, Scaled) else dict
    rows: list[dict[str, Any]] = []
    for name in names.split(","):
        try:
            rows.append(cancel(desk, person, asked({**kept, by: name}), now_ns))
        except Fault as fault:
            rows.append({"bizError": fault.code, "orderID": "", "clOrdID": "", by: name})
    return rows


def cancel_all(desk: Desk, person: Person, fields: Fields, now_ns: int) -> int:
    """Active orders, or those that wait for their trigger; one call does not do both."""
    symbols = {symbol_of(desk, fields)}
    return cancel_each(desk, person, fields, symbols, now_ns)


def cancel_each(
    desk: Desk, person: Person, fields: Fields, symbols: Collection[str], now_ns: int
) -> int:
    waiting = flag(fields, "untriggered")
    if len(word(fields, "text")) > LONGEST_ID:
        raise Fault(BAD)
    for ticket in [*person.alive.values()]:
        here = ticket.wish.symbol in symbols
        if here and ticket.open and waiting != bool(ticket.engine_id):
            _cancel(desk, person, ticket, "CancelAll", now_ns)
    return 1


# Queries


def active(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Open orders; that there are none is an error here."""
    symbol = symbol_of(desk, fields)
    rows = [
        each.row()
        for each in person.alive.values()
        if each.wish.symbol == symbol and each.status in OPEN
    ]
    if not rows:
        raise Fault(NOT_FOUND)
    return {"rows": rows}


def one_active(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    symbol_of(desk, fields)
    return _named(person, fields, "orderID", "clOrdID").row()


def some(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[dict[str, Any]]:
    """Orders by their ids, open or not."""
    symbol = symbol_of(desk, fields)
    order_ids, client_ids = word(fields, "orderID"), word(fields, "clOrdID")
    if not order_ids and not client_ids:
        raise Fault(MISSING_ID)
    if order_ids:
        found = [person.find(name, "") for name in order_ids.split(",")]
    else:
        found = [person.find("", name) for name in client_ids.split(",")]
    return [each.row() for each in found if each is not None and each.wish.symbol == symbol]


# Accounts and positions


def positions(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    return held(desk, person, fields, live=False)


def live_positions(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    return held(desk, person, fields, live=True)


def held(desk: Desk, person: Person, fields: Fields, *, live: bool) -> dict[str, Any]:
    """The account of a currency and its positions. Raises `Fault`."""
    currency, wanted = word(fields, "currency"), word(fields, "symbol")
    symbols = [each for each in desk.engine.symbols() if desk.rules(each).asset == currency]
    foreign = (currency in DECIMAL_CURRENCIES) != isinstance(fields, Scaled)
    if foreign or (currency not in person.balances and not symbols):
        raise Fault(11097)
    row = desk.account(person, currency)
    rows = [
        sim_aop.rest_row(each, live=live)
        | sim_attached.closes(person, desk.rules(symbol), each.get("posSide", ""))
        for symbol in symbols
        if wanted in ("", symbol)
        for each in desk.positions(person, symbol, row)
    ]
    account = {
        "accountId": row["accountID"],
        "currency": currency,
        "accountBalanceEv": row["accountBalanceEv"],
        "totalUsedBalanceEv": row["totalUsedBalanceEv"],
        "bonusBalanceEv": 0,
    }
    return {"account": account, "positions": rows}


def set_leverage(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """Above 0 isolated, else cross; 0 is cross at the maximum."""
    symbol = symbol_of(desk, fields)
    plain, scaled_er = integer(fields, "leverage"), integer(fields, "leverageEr")
    leverage_er = plain * 10**8 if plain is not None else scaled_er
    if leverage_er is None:
        raise Fault(BAD)
    number, rest = divmod(abs(leverage_er), 10**8)
    rules = desk.rules(symbol)
    if rest or number > rules.max_leverage:
        raise Fault(11004)
    isolated = desk.engine.symbol_config(person.name, symbol).margin_type == MarginType.ISOLATED
    try:
        if isolated != (leverage_er > 0):
            wanted = MarginType.ISOLATED if leverage_er > 0 else MarginType.CROSSED
            desk.engine.set_margin_type(person.name, symbol, wanted, now_ns)
        desk.engine.set_leverage(person.name, symbol, number or rules.max_leverage, now_ns)
        person.holding(symbol).leverage_er = leverage_er
    except Refused as refused:
        known = {Reason.INSUFFICIENT_MARGIN: 11005, Reason.EXCEEDS_LEVERAGE_LIMIT: 11081}
        raise Fault(known.get(refused.reason) or code_of(refused.reason)) from None
    finally:
        desk.follow()
    return "OK"


def set_risk_limit(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """There is one step here, and it stays."""
    symbol = symbol_of(desk, fields)
    rules = desk.rules(symbol)
    plain, wanted_ev = integer(fields, "riskLimit"), integer(fields, "riskLimitEv")
    if wanted_ev is None and plain is not None:
        wanted_ev = plain * (10**8 // rules.unit_m)
    if wanted_ev != rules.brackets[-1].cap_m // rules.unit_m:
        raise Fault(11002)
    return "OK"


def assign(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """The balance of an isolated position is to be this."""
    symbol = symbol_of(desk, fields)
    rules = desk.rules(symbol)
    value = 8 if rules.unit_m == 1 else 4
    target_ev = integer(fields, "posBalanceEv")
    if target_ev is None:
        target_ev = scaled({"posBalance": fields.get("posBalance")}, "posBalance", value)
    if target_ev is None:
        raise Fault(BAD)
    view = desk.view(person, symbol, POSITIONS.get(word(fields, "posSide"), PositionSide.BOTH))
    if view is None:
        raise Fault(BAD_POSITION_SIDE)
    change = target_ev * rules.unit_m - view.isolated_wallet_m
    try:
        desk.engine.adjust_margin(person.name, symbol, view.position_side, change, now_ns)
    except Refused as refused:
        raise Fault(code_of(refused.reason)) from None
    finally:
        desk.follow()
    return "OK"


HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "/orders"): place,
    ("PUT", "/orders/create"): place,
    ("PUT", "/orders/replace"): amend,
    ("DELETE", "/orders/cancel"): cancel,
    ("DELETE", "/orders"): cancel_some,
    ("DELETE", "/orders/all"): cancel_all,
    ("GET", "/orders/activeList"): active,
    ("GET", "/orders/active"): one_active,
    ("GET", "/exchange/order"): some,
    ("GET", "/accounts/accountPositions"): positions,
    ("GET", "/accounts/positions"): live_positions,
    ("PUT", "/positions/leverage"): set_leverage,
    ("PUT", "/positions/riskLimit"): set_risk_limit,
    ("POST", "/positions/assign"): assign,
    ("GET", "/api-data/futures/orders/by-order-id"): some,
}
