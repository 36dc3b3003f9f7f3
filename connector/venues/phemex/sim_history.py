"""What the simulated Phemex tells of the past: closed orders, fills, funding, fees, balances, and
positions that are over.

Written from the venue's reference alone, sections 4.6, 4.9 and 10.1. The rows are those of the
first family; ``sim_hedged`` writes them as texts.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from msgspec import Struct

from connector.venues.phemex.sim_desk import MS_NS, Desk
from connector.venues.phemex.sim_listings import DECIMAL_CURRENCIES
from connector.venues.phemex.sim_orders import Fields, Handler, symbol_of
from connector.venues.phemex.sim_params import BAD, Fault, flag, integer, word
from connector.venues.phemex.sim_person import KINDS, Person
from connector.venues.phemex.sim_texts import number
from connector.venues.phemex.sim_tickets import CANCELED, FILLED, REJECTED

MOST_ROWS, USUAL_ROWS = 200, 50
DAY_NS = 86_400 * 10**9


def closed(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Closed orders, newest first."""
    symbol = symbol_of(desk, fields)
    wanted = [each for each in word(fields, "ordStatus").split(",") if each]
    rows = [
        each.row()
        for each in reversed(person.tickets.values())
        if each.wish.symbol == symbol
        and not each.open
        and (each.status in wanted if wanted else each.status in (FILLED, CANCELED, REJECTED))
    ]
    return page(rows, fields, "actionTimeNs")


def orders(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Every order, open or not, newest first."""
    symbol = symbol_of(desk, fields)
    rows = [each.row() for each in reversed(person.tickets.values()) if each.wish.symbol == symbol]
    return page(rows, fields, "actionTimeNs")


def trades(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Fills and funding, newest first."""
    symbol = symbol_of(desk, fields)
    kind = word(fields, "tradeType")
    rows = [
        each
        for each in reversed(person.trades)
        if each["symbol"] == symbol and kind in ("", each["tradeType"])
    ]
    return page(rows, fields, "transactTimeNs")


def fundings(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """What was paid and received, newest first."""
    symbol = symbol_of(desk, fields)
    names = ("symbol", "currency", "execQty", "side", "execPriceEp", "execValueEv", "feeRateEr",
             "execFeeEv", "posSide", "transactTimeNs")  # fmt: skip
    rows = [
        {name: each[name] for name in names if name in each}
        | {"fundingRateEr": each["feeRateEr"], "createTime": each["transactTimeNs"] // MS_NS}
        for each in reversed(person.trades)
        if each["symbol"] == symbol and each["tradeType"] == "Funding"
    ]
    return {"rows": page(rows, fields, "transactTimeNs")["rows"]}


def fee_rates(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """The account's own rates of every contract settled in a currency."""
    currency = word(fields, "settleCurrency")
    rows = []
    for symbol in desk.engine.symbols():
        if desk.rules(symbol).asset == currency:
            maker, taker = desk.engine.fees(person.name, symbol)
            rows.append({"symbol": symbol, "takerFeeRateEr": taker, "makerFeeRateEr": maker})
    return {"symbolFeeRates": rows}


def page(rows: list[dict[str, Any]], fields: Fields, time_name: str) -> dict[str, Any]:
    start_ms, end_ms = integer(fields, "start") or 0, integer(fields, "end")
    offset, limit = integer(fields, "offset") or 0, integer(fields, "limit")
    limit = USUAL_ROWS if limit is None else limit
    if limit > MOST_ROWS:
        raise Fault(30018, "phemex.data.size.uplimt")
    if offset < 0 or limit < 0:
        raise Fault(BAD)
    inside = [
        row
        for row in rows
        if row[time_name] >= start_ms * MS_NS
        and (end_ms is None or row[time_name] <= end_ms * MS_NS)
    ]
    total = len(inside) if flag(fields, "withCount") else 0
    return {"total": total, "rows": inside[offset : offset + limit]}


# Money

MOST_OFFSET = 1000


def account_detail(desk: Desk, person: Person, fields: Fields, now_ns: int) -> Any:
    """Changes of balances of every family, newest first."""
    currency, kind = word(fields, "currency"), integer(fields, "type")
    if (currency and currency not in person.balances) or kind not in (None, *KINDS):
        raise Fault(BAD)
    if (integer(fields, "offset") or 0) > MOST_OFFSET:
        raise Fault(BAD)
    rows = [
        each
        for each in reversed(person.ledger)
        if currency in ("", each.currency) and kind in (None, each.kind)
    ]
    found = page([{"at": each.time_ns, "row": each.row()} for each in rows], fields, "at")
    return listed({**found, "rows": [each["row"] for each in found["rows"]]}, fields)


def listed(found: dict[str, Any], fields: Fields) -> Any:
    """A list; the page with its number of rows where that is asked for."""
    return found if flag(fields, "withCount") else found["rows"]


def trading_fees(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Fees of own fills by day, the newest day first."""
    symbol = symbol_of(desk, fields)
    maker, taker = desk.engine.fees(person.name, symbol)
    days: dict[int, dict[str, Any]] = {}
    for each in person.trades:
        if each["symbol"] != symbol or each["tradeType"] == "Funding":
            continue
        day_ns = each["transactTimeNs"] // DAY_NS * DAY_NS
        row = days.setdefault(
            day_ns,
            {
                "createTime": day_ns // MS_NS,
                "currency": each["currency"],
                "exchangeFeeValueEv": 0,
                "id": len(days) + 1,
                "makerRateEr": maker,
                "makerValueEv": 0,
                "symbol": symbol,
                "takerRateEr": taker,
                "takerValueEv": 0,
                "userId": person.user_id,
            },
        )
        row["exchangeFeeValueEv"] += each["execFeeEv"]
        side = "makerValueEv" if each["execStatus"] == "MakerFill" else "takerValueEv"
        row[side] += each["execValueEv"]
    rows = [{"at": day_ns, "row": row} for day_ns, row in reversed(days.items())]
    return {"rows": [each["row"] for each in page(rows, fields, "at")["rows"]]}


# Positions that are over


class Term(Struct):
    """A position from where it was opened to where it was closed; values of the second family."""

    symbol: str
    currency: str
    side: int
    """1 long, 2 short."""
    opened_ns: int
    closed_ns: int = 0
    entry_qty: int = 0
    entry_ev: int = 0
    closed_qty: int = 0
    exit_ev: int = 0
    profit_ev: int = 0
    fees_ev: int = 0
    funding_ev: int = 0


def terms(trades: Iterable[Mapping[str, Any]]) -> list[Term]:
    """Positions that are over, in the order in which they ended; from fills and fundings, oldest
    first. A fill that turns a position around is of both, and its fee of the one it ends."""
    held: dict[tuple[str, str], tuple[int, Term]] = {}
    over: list[Term] = []
    for each in trades:
        key = each["symbol"], each.get("posSide", "")
        size, term = held.get(key, (0, None))
        if each["tradeType"] == "Funding":
            if term is not None:
                term.funding_ev += each["execFeeEv"]
            continue
        sign = 1 if each["side"] == "Buy" else -1
        qty, value_ev, fee_ev = each["execQty"], each["execValueEv"], each["execFeeEv"]
        closing = min(qty, abs(size)) if size * sign < 0 else 0
        part_ev = value_ev * closing // qty
        if closing and term is not None:
            term.closed_qty += closing
            term.exit_ev += part_ev
            term.profit_ev += each["closedPnlEv"]
            term.fees_ev, fee_ev = term.fees_ev + fee_ev, 0
            size += sign * closing
            if not size:
                term.closed_ns = each["transactTimeNs"]
                over.append(term)
                term = None
        if qty > closing:
            if term is None:
                side = 1 if sign > 0 else 2
                term = Term(each["symbol"], each["currency"], side, each["transactTimeNs"])
            term.entry_qty += qty - closing
            term.entry_ev += value_ev - part_ev
            size += sign * (qty - closing)
        if term is None:
            held.pop(key, None)
        else:
            term.fees_ev += fee_ev
            held[key] = size, term
    return over


def closed_positions(desk: Desk, person: Person, fields: Fields, now_ns: int) -> Any:
    """Those of the second family, the last one first."""
    symbol, currency = word(fields, "symbol"), word(fields, "currency")
    if not symbol and not currency:
        raise Fault(BAD)
    if symbol:
        symbol_of(desk, fields)
    elif currency not in DECIMAL_CURRENCIES:
        raise Fault(11028)
    rows = [
        {"at": each.closed_ns, "row": _term_row(desk, person, each)}
        for each in reversed(terms(person.trades))
        if each.currency in DECIMAL_CURRENCIES
        and symbol in ("", each.symbol)
        and currency in ("", each.currency)
    ]
    found = page(rows, fields, "at")
    return listed({**found, "rows": [each["row"] for each in found["rows"]]}, fields)


def _term_row(desk: Desk, person: Person, term: Term) -> dict[str, Any]:
    """Times are in ms, whatever their names say; the profit that counts is what fees left."""
    rules = desk.rules(term.symbol)
    leverage_er = person.holding(term.symbol).leverage_er or -rules.max_leverage * 10**8
    left_ev = term.profit_ev - term.fees_ev - term.funding_ev
    margin_ev = Decimal(term.entry_ev) * 10**8 / abs(leverage_er)
    return {
        "symbol": term.symbol,
        "currency": term.currency,
        "term": 0,
        "closedSizeRq": number(term.closed_qty * rules.step_units, rules.qty_digits),
        "side": term.side,
        "cumEntryValueRv": None,
        "closedPnlRv": number(term.profit_ev, 8),
        "exchangeFeeRv": number(term.fees_ev, 8),
        "fundingFeeRv": number(term.funding_ev, 8),
        "realizedPnlRv": number(left_ev, 8),
        "finished": 0,
        "openedTimeNs": term.opened_ns // MS_NS,
        "updatedTimeNs": term.closed_ns // MS_NS,
        "openPrice": _mean(term.entry_ev, term.entry_qty * rules.step_units, rules.qty_digits),
        "closePrice": _mean(term.exit_ev, term.closed_qty * rules.step_units, rules.qty_digits),
        "roi": f"{(Decimal(left_ev) / margin_ev).quantize(Decimal('1e-8'), ROUND_HALF_UP):f}",
        "leverage": number(leverage_er, 8),
    }


def _mean(value_ev: int, units: int, digits: int) -> str:
    """A price with eight decimals."""
    price = Decimal(value_ev).scaleb(-8) / Decimal(units).scaleb(-digits)
    return f"{price.quantize(Decimal('1e-8'), ROUND_HALF_UP):f}"


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/exchange/order/list"): closed,
    ("GET", "/exchange/order/trade"): trades,
    ("GET", "/api-data/futures/fee-rate"): fee_rates,
    ("GET", "/api-data/futures/orders"): orders,
    ("GET", "/api-data/futures/trades"): trades,
    ("GET", "/api-data/futures/funding-fees"): fundings,
    ("GET", "/api-data/futures/trading-fees"): trading_fees,
    ("GET", "/api-data/futures/v2/tradeAccountDetail"): account_detail,
}
