"""Turn exchangeInfo, or a recording's own numbers, into instruments.

The price grid comes from the filters alone: ``pricePrecision`` and ``quantityPrecision`` only say
how many decimals the venue writes."""

from math import gcd

import msgspec

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.venues.binance_usdm import schemas
from connector.venues.binance_usdm.schemas import (
    Filter,
    SymbolInfo,
    decimals,
    integer,
    nanoseconds,
    number,
    optional,
    text,
)
from connector.venues.contract import Listing

EXCHANGE = "BinanceU"
LEAST_EXPONENT = 8
"""A scale this fine outlives later, finer ticks."""
LARGEST = 2**62
"""No scaled number may reach it: sums and differences of two still fit 64 bits."""
HEADROOM = 1000
"""How far beyond what a snapshot shows later numbers may go, when no filter names the largest."""
FEW = 20
"""Fewer prices than this say nothing about the grid."""
SYMBOL_BYTES = 63

STATUS = {
    "TRADING": Status.TRADING,
    "PENDING_TRADING": Status.PENDING,
    "TRADING_HALT": Status.HALTED,
    "HALT": Status.HALTED,
    "BREAK": Status.HALTED,
    "DOWN": Status.HALTED,
    "PRE_SETTLE": Status.SETTLING,
    "SETTLING": Status.SETTLING,
    "PRE_DELIVERING": Status.SETTLING,
    "DELIVERING": Status.SETTLING,
    "PRE_DELISTING": Status.SETTLING,
    "DELISTING": Status.SETTLING,
    "DELIVERED": Status.CLOSED,
    "CLOSE": Status.CLOSED,
}

_INFO = msgspec.json.Decoder(schemas.ExchangeInfo)
_SYMBOL = msgspec.json.Decoder(SymbolInfo)
_SNAPSHOT = msgspec.json.Decoder(schemas.DepthSnapshot)
_NAME = msgspec.json.Decoder(schemas.SymbolName)


def exchange_info(body: bytes) -> schemas.ExchangeInfo:
    """The answer's outer shape; raises ValueError when it is not an exchangeInfo."""
    try:
        return _INFO.decode(body)
    except RecursionError:
        raise ValueError("exchangeInfo: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"exchangeInfo: {error}") from None


def instruments(body: bytes) -> Listing:
    """Every symbol of an exchangeInfo answer as an instrument; those at fault as sentences."""
    found: dict[str, Instrument] = {}
    faults = []
    info = exchange_info(body)
    for index, raw in enumerate(info.symbols):
        fault = take(raw, index, found)
        if fault:
            faults.append(fault)
    return Listing(list(found.values()), faults, server_ns(info))


def take(raw: msgspec.Raw, index: int, found: dict[str, Instrument]) -> str:
    """Put a symbol of the list into ``found``; what is wrong with it, "" when nothing is.

    Raises ValueError for what is no JSON: then the whole answer is of no use."""
    name = f"symbols[{index}]"
    try:
        name = _NAME.decode(raw).symbol or name
        instrument = _instrument(_SYMBOL.decode(raw))
        if instrument.symbol in found:
            raise ValueError("symbol: listed twice")
        found[instrument.symbol] = instrument
    except msgspec.ValidationError as error:
        return f"{name}: {error}"
    except msgspec.DecodeError as error:
        raise ValueError(f"exchangeInfo: symbols[{index}]: {error}") from None
    except (ValueError, RecursionError) as error:
        return f"{name}: {error}"
    return ""


def server_ns(info: schemas.ExchangeInfo) -> int:
    """When the venue made the answer, 0 when it does not say."""
    return _time(info.server_time)


def _time(raw: msgspec.Raw) -> int:
    """Good for the order of answers alone; the venue says that no clock may be set by it."""
    try:
        return max(nanoseconds(raw, "serverTime"), 0)
    except ValueError:
        return 0


def _instrument(info: SymbolInfo) -> Instrument:
    if not info.symbol or len(info.symbol.encode()) > SYMBOL_BYTES:
        raise ValueError(f"symbol: must have 1 to {SYMBOL_BYTES} bytes")
    filters = {row.filter_type: row for row in info.filters}
    price = _filter(filters, "PRICE_FILTER")
    lot = _filter(filters, "LOT_SIZE")
    market = filters.get("MARKET_LOT_SIZE", Filter())
    percent = filters.get("PERCENT_PRICE", Filter())
    price_digits = _digits(info.price_precision, "pricePrecision")
    qty_digits = _digits(info.quantity_precision, "quantityPrecision")
    prices = _exponent(price_digits, price.tick_size, price.max_price, "PRICE_FILTER", "Price")
    lots = _exponent(qty_digits, lot.step_size, lot.max_qty, "LOT_SIZE", "Qty")
    return Instrument(
        symbol=info.symbol,
        exchange=EXCHANGE,
        base=info.base_asset,
        quote=info.quote_asset,
        margin=info.margin_asset,
        contract=contract_type(info.contract_type),
        series=info.contract_type,
        status=STATUS.get(info.status or info.contract_status, Status.UNKNOWN),
        price_exponent=prices,
        qty_exponent=lots,
        price_digits=price_digits,
        qty_digits=qty_digits,
        tick_e=_grid(price.tick_size, prices, "PRICE_FILTER.tickSize"),
        step_e=_grid(lot.step_size, lots, "LOT_SIZE.stepSize"),
        min_price_e=_bound(price.min_price, prices, "PRICE_FILTER.minPrice"),
        max_price_e=_bound(price.max_price, prices, "PRICE_FILTER.maxPrice"),
        min_qty_e=_bound(lot.min_qty, lots, "LOT_SIZE.minQty"),
        max_qty_e=_bound(lot.max_qty, lots, "LOT_SIZE.maxQty"),
        market_step_e=_bound(market.step_size, lots, "MARKET_LOT_SIZE.stepSize"),
        market_min_qty_e=_bound(market.min_qty, lots, "MARKET_LOT_SIZE.minQty"),
        market_max_qty_e=_bound(market.max_qty, lots, "MARKET_LOT_SIZE.maxQty"),
        min_notional_e=_bound(
            filters.get("MIN_NOTIONAL", Filter()).notional, 8, "MIN_NOTIONAL.notional"
        ),
        multiplier_up_e=_bound(percent.multiplier_up, 8, "PERCENT_PRICE.multiplierUp"),
        multiplier_down_e=_bound(percent.multiplier_down, 8, "PERCENT_PRICE.multiplierDown"),
        contract_size_e=10**8
        if not text(info.contract_size)
        else number(info.contract_size, 8, "contractSize"),
        onboard_ns=max(nanoseconds(info.onboard_date, "onboardDate"), 0),
        delivery_ns=max(nanoseconds(info.delivery_date, "deliveryDate"), 0),
    )


def _filter(filters: dict[str, Filter], kind: str) -> Filter:
    if kind not in filters:
        raise ValueError(f"{kind}: missing")
    return filters[kind]


def contract_type(word: str) -> ContractType:
    """PERPETUAL, TRADIFI_PERPETUAL (sic), PERPETUAL_DELIVERING; CURRENT_QUARTER and the like."""
    if "PERPETUAL" in word:
        return ContractType.PERPETUAL
    return ContractType.DELIVERY if word.startswith(("CURRENT_", "NEXT_")) else ContractType.UNKNOWN


def _digits(raw: msgspec.Raw, name: str) -> int:
    digits = integer(raw, name)
    if not 0 <= digits <= 18:
        raise ValueError(f"{name}: {digits} decimals do not fit 64-bit integers")
    return digits


def _exponent(digits: int, grid: msgspec.Raw, most: msgspec.Raw, kind: str, what: str) -> int:
    """The finest scale from LEAST_EXPONENT down at which the largest value still fits."""
    least = max(digits, decimals(text(grid)))
    exponent = max(LEAST_EXPONENT, least)
    name = f"{kind}.max{what}"
    while exponent >= least:
        try:
            if optional(most, exponent, name) < LARGEST:
                return exponent
        except ValueError:
            if exponent == least:
                raise
        exponent -= 1
    raise ValueError(f"{name}: {text(most)} with {least} decimals does not fit 64-bit integers")


def _grid(raw: msgspec.Raw, exponent: int, name: str) -> int:
    """A tick or step; 0 disables the rule (settled symbols have it): then any value is on it."""
    value = number(raw, exponent, name)
    if value < 0:
        raise ValueError(f"{name}: must not be below 0, got {text(raw)}")
    return value or 1


def _bound(raw: msgspec.Raw, exponent: int, name: str) -> int:
    """A limit of a filter; 0 disables it."""
    value = optional(raw, exponent, name)
    if value < 0 and value != ABSENT:
        raise ValueError(f"{name}: must not be below 0, got {text(raw)}")
    return value or ABSENT


class _Message(msgspec.Struct):
    """The levels of a depth message, wrapped or not."""

    b: list[list[msgspec.Raw]] = []
    a: list[list[msgspec.Raw]] = []
    data: "_Message | None" = None


_MESSAGE = msgspec.json.Decoder(_Message)


def _wire_levels(shown: bytes) -> list[list[msgspec.Raw]]:
    if b'"lastUpdateId"' in shown:
        found = _SNAPSHOT.decode(shown)
        return found.bids + found.asks
    message = _MESSAGE.decode(shown)
    message = message.data or message
    return message.b + message.a


def wire_instrument(symbol: str, shown: bytes) -> Instrument:
    """An instrument as a snapshot or a depth message shows it, for recordings without exchangeInfo.

    The scale is the wire's number of decimals (finer where that fits), the grid the greatest
    common divisor of the prices."""
    try:
        levels = _wire_levels(shown)
    except RecursionError:
        raise ValueError(f"{symbol}: nested too deeply") from None
    if any(len(level) < 2 for level in levels):
        raise ValueError(f"{symbol}: a level without price or quantity")
    prices = [text(level[0]) for level in levels]
    sizes = [text(level[1]) for level in levels]
    price_digits = max(map(decimals, prices), default=LEAST_EXPONENT)
    qty_digits = max(map(decimals, sizes), default=LEAST_EXPONENT)
    price_exponent = _wire_exponent(prices, price_digits)
    grid = 10 ** (price_exponent - price_digits)
    if len(prices) >= FEW:
        grid = gcd(*(parse(price, price_exponent) for price in prices)) or grid
    qty_exponent = _wire_exponent(sizes, qty_digits)
    return Instrument(
        symbol=symbol,
        exchange=EXCHANGE,
        status=Status.UNKNOWN,
        price_exponent=price_exponent,
        qty_exponent=qty_exponent,
        price_digits=price_digits,
        qty_digits=qty_digits,
        tick_e=grid,
        step_e=10 ** (qty_exponent - qty_digits),
    )


def _wire_exponent(values: list[str], digits: int) -> int:
    """As fine as LEAST_EXPONENT where numbers HEADROOM times as large still fit."""
    largest = max((parse(value, digits) for value in values), default=0)
    exponent = digits
    while exponent < LEAST_EXPONENT:
        if largest * HEADROOM * 10 ** (exponent + 1 - digits) >= LARGEST:
            break
        exponent += 1
    return exponent
