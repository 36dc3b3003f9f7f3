"""Turn the product list, or a recording's own numbers, into instruments.

Two families of contracts are here. The numbers of one are scaled integers (``Perpetual``): the
exponents are the product's scales, so that what comes from the wire goes through as it is. Those of
the other are decimal texts (``PerpetualV2``), which get FINEST decimals. Spot products are none."""

from math import gcd

import msgspec
from msgspec import Raw

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.model.records import IndexKind
from connector.protocol.cutting import cut
from connector.venues.contract import Listing, Pieces
from connector.venues.phemex import schemas
from connector.venues.phemex.money import value_exponent
from connector.venues.phemex.schemas import Product, decimals, number, text

EXCHANGE = "Phemex"
DECIMAL = "PerpetualV2"
FAMILIES = ("Perpetual", "", DECIMAL)
"""In 2020 a product had no type: all of them were of the first kind."""
LARGEST = 2**62
"""No scaled number may reach it: sums and differences of two still fit 64 bits."""
SYMBOL_BYTES = 63
FINEST = 8
"""The finest tick of the contracts with decimal texts is 10^-8; their largest sizes fit, too."""
FEW = 20
"""Fewer prices than this say nothing about the grid."""
DEFAULT_VALUE_SCALE = 8

STATUS = {
    "": Status.TRADING,  # 2020: only what was traded was listed
    "Listed": Status.TRADING,
    "Delisted": Status.CLOSED,
    "BeingSettled": Status.SETTLING,
}

_ANSWER = msgspec.json.Decoder(schemas.ProductsAnswer)
_PRODUCTS = msgspec.json.Decoder(schemas.Products)
_LIST = msgspec.json.Decoder(list[Raw])
_PRODUCT = msgspec.json.Decoder(Product)
_CURRENCY = msgspec.json.Decoder(schemas.Currency)
_NAME = msgspec.json.Decoder(schemas.Name)
_LEVELS = msgspec.json.Decoder(schemas.Frame)
_RESULT = msgspec.json.Decoder(schemas.BookAnswer)

Scales = dict[str, int]
"""Decimals of a currency's values, by its name."""


def instruments(body: bytes) -> Listing:
    """Every contract of a products answer as an instrument; those at fault as sentences."""
    try:
        data = _ANSWER.decode(body).data
        if bytes(data)[:1] == b"[":
            return _listing(_LIST.decode(data), {})
        found = _PRODUCTS.decode(data)
    except RecursionError:
        raise ValueError("products: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"products: {error}") from None
    return _listing(
        [*found.products, *found.decimal],
        {row.currency: row.value_scale for row in found.currencies},
    )


def _listing(products: list[Raw], scales: Scales) -> Listing:
    found: dict[str, Instrument] = {}
    faults = [take(raw, index, scales, found) for index, raw in enumerate(products)]
    return Listing(list(found.values()), [fault for fault in faults if fault])


def pieces(body: bytes) -> Pieces:
    """The same with pauses, without limits of the venue's own: it lists none."""
    products: list[Raw] = []
    currencies: list[Raw] = []
    texts: list[Raw] = []
    others = ("riskLimits", "riskLimitsV2", "leverages", "leverageMargins")
    lists = {"products": products, "perpProductsV2": texts, "currencies": currencies}
    lists |= {name: [] for name in others}
    try:
        rest = yield from cut(body, lists, 2)
        data = _ANSWER.decode(rest).data
        if bytes(data)[:1] == b"[":
            products = _LIST.decode(_ANSWER.decode(body).data)  # 2020: a dozen of them
        else:
            _PRODUCTS.decode(data)
        scales: Scales = {}
        for raw in currencies:
            currency = _CURRENCY.decode(raw)
            scales[currency.currency] = currency.value_scale
            yield
    except RecursionError:
        raise ValueError("products: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"products: {error}") from None
    found: dict[str, Instrument] = {}
    faults = []
    for index, raw in enumerate([*products, *texts]):
        yield
        fault = take(raw, index, scales, found)
        if fault:
            faults.append(fault)
    return Listing(list(found.values()), faults), ()


def take(raw: Raw, index: int, scales: Scales, found: dict[str, Instrument]) -> str:
    """Put a product of the list into ``found``; what is wrong with it, "" when nothing is, or it is
    of another family.

    Raises ValueError for what is no JSON: then the whole answer is of no use."""
    name = f"products[{index}]"
    try:
        head = _NAME.decode(raw)
        if head.type not in FAMILIES:
            return ""
        name = head.symbol or name
        product = _PRODUCT.decode(raw)
        instrument = _decimal(product) if head.type == DECIMAL else _instrument(product, scales)
        if instrument.symbol in found:
            raise ValueError("symbol: listed twice")
        found[instrument.symbol] = instrument
    except msgspec.ValidationError as error:
        return f"{name}: {error}"
    except msgspec.DecodeError as error:
        raise ValueError(f"products: products[{index}]: {error}") from None
    except (ValueError, RecursionError) as error:
        return f"{name}: {error}"
    return ""


def _named(product: Product) -> None:
    if not product.symbol or len(product.symbol.encode()) > SYMBOL_BYTES:
        raise ValueError(f"symbol: must have 1 to {SYMBOL_BYTES} bytes")


def _decimal(product: Product) -> Instrument:
    """A contract of the hedged API, of one unit of its base, settled in what it is quoted in."""
    _named(product)
    tick_e = number(product.tick_size, FINEST, "tickSize")
    step_e = number(product.qty_step_size, FINEST, "qtyStepSize")
    bounds = {
        name: number(raw, FINEST, name) if text(raw) else ABSENT
        for name, raw in (
            ("minPriceRp", product.min_price_rp),
            ("maxPriceRp", product.max_price_rp),
            ("maxOrderQtyRq", product.max_order_qty_rq),
            ("minOrderValueRv", product.min_order_value_rv),
        )
    }
    for name, value in (("tickSize", tick_e), ("qtyStepSize", step_e)):
        if value <= 0:
            raise ValueError(f"{name}: must be above 0")
    for name, value in bounds.items():
        if value != ABSENT and not 0 <= value < LARGEST:
            raise ValueError(f"{name}: does not fit")
    return Instrument(
        symbol=product.symbol,
        exchange=EXCHANGE,
        base=_base(product),
        quote=product.quote_currency,
        margin=product.settle_currency,
        contract=ContractType.PERPETUAL,
        indexes=_indexes(product),
        status=STATUS.get(product.status, Status.UNKNOWN),
        price_exponent=FINEST,
        qty_exponent=FINEST,
        price_digits=decimals(text(product.tick_size)),
        qty_digits=decimals(text(product.qty_step_size)),
        tick_e=tick_e,
        step_e=step_e,
        min_price_e=bounds["minPriceRp"] or ABSENT,
        max_price_e=bounds["maxPriceRp"] or ABSENT,
        min_qty_e=step_e,
        max_qty_e=bounds["maxOrderQtyRq"] or ABSENT,
        min_notional_e=bounds["minOrderValueRv"] or ABSENT,
    )


def _instrument(product: Product, scales: Scales) -> Instrument:
    _named(product)
    for name in ("price_scale", "ratio_scale"):
        if not 0 <= getattr(product, name) <= 18:
            raise ValueError(f"{name}: {getattr(product, name)} decimals do not fit")
    settle = product.settle_currency or product.settlement_currency
    value_scale = product.value_scale
    if value_scale is None:
        value_scale = scales.get(settle, DEFAULT_VALUE_SCALE)
    if not 0 <= value_scale <= 18:
        raise ValueError(f"value_scale: {value_scale} decimals do not fit")
    if value_scale != value_exponent(settle):
        raise ValueError(f"value_scale: {value_scale}, but values of {settle} are read otherwise")
    for name in ("min_price_ep", "max_price_ep", "max_order_qty"):
        if not 0 <= getattr(product, name) < LARGEST:
            raise ValueError(f"{name}: {getattr(product, name)} does not fit")
    tick_e = number(product.tick_size, product.price_scale, "tickSize")
    step_e = number(product.lot_size, 0, "lotSize")
    size_e = number(product.contract_size, 8, "contractSize")
    for name, value in (("tickSize", tick_e), ("lotSize", step_e), ("contractSize", size_e)):
        if value <= 0:
            raise ValueError(f"{name}: must be above 0")
    digits = product.price_precision
    # Inverse is what is settled in something else than its prices are in.
    inverse = settle != product.quote_currency
    return Instrument(
        symbol=product.symbol,
        exchange=EXCHANGE,
        base=settle if inverse else _base(product),
        quote=product.quote_currency,
        margin=settle,
        contract=ContractType.PERPETUAL,
        indexes=_indexes(product),
        status=STATUS.get(product.status, Status.UNKNOWN),
        price_exponent=product.price_scale,
        qty_exponent=0,
        price_digits=decimals(text(product.tick_size)) if digits is None else digits,
        qty_digits=0,
        tick_e=tick_e,
        step_e=step_e,
        min_price_e=product.min_price_ep or ABSENT,
        max_price_e=product.max_price_ep or ABSENT,
        min_qty_e=step_e,
        max_qty_e=product.max_order_qty or ABSENT,
        contract_size_e=size_e,
        inverse=inverse,
        ratio_exponent=product.ratio_scale,
        value_exponent=value_scale,
    )


def _indexes(product: Product) -> tuple[tuple[int, str], ...]:
    """The symbols of its computed numbers: their names follow no rule. Names of the first products
    are those of the index alone."""
    named = (
        (IndexKind.PRICE, product.index_symbol or product.underlying_symbol),
        (IndexKind.MARK, product.mark_symbol),
        (IndexKind.FUNDING_RATE, product.funding_rate8h_symbol),
        (IndexKind.NEXT_FUNDING_RATE, product.funding_rate_symbol),
    )
    return tuple((int(kind), name) for kind, name in named if name.startswith("."))


def _base(product: Product) -> str:
    """What a linear contract is of: the unit of its size, named by one field or another."""
    unit = text(product.contract_size).partition(" ")[2].strip()
    return product.contract_underlying_assets or unit or product.underlying_symbol.lstrip(".")


def wire_instrument(symbol: str, shown: bytes) -> Instrument:
    """An instrument as a whole book or a depth message shows it, for recordings without products.

    The venue's integers are kept as they are, without decimals; its decimal texts get FINEST
    of them. The grid is the greatest common divisor of the prices."""
    try:
        frame = _LEVELS.decode(shown)
        if frame.orderbook_p is not None:
            return _shown(symbol, *_texts(frame.orderbook_p), FINEST)
        sides = frame.book
        if sides is None:
            result = _RESULT.decode(shown).result
            sides = result.book if result is not None else schemas.Sides()
    except RecursionError:
        raise ValueError(f"{symbol}: nested too deeply") from None
    return _shown(symbol, [price for price, _ in (*sides.bids, *sides.asks)], 0, 0)


def _texts(sides: schemas.DecimalSides) -> tuple[list[int], int]:
    """Prices by FINEST, and the finest size's decimals."""
    levels = [*sides.bids, *sides.asks]
    if any(len(level) < 2 for level in levels):
        raise ValueError("a level without price or size")
    prices = [parse(level[0], FINEST) for level in levels]
    return prices, max((decimals(level[1]) for level in levels), default=FINEST)


def _shown(symbol: str, prices: list[int], qty_digits: int, exponent: int) -> Instrument:
    grid = gcd(*prices) if len(prices) >= FEW else 1
    return Instrument(
        symbol=symbol,
        exchange=EXCHANGE,
        status=Status.UNKNOWN,
        price_exponent=exponent,
        qty_exponent=exponent,
        price_digits=exponent,
        qty_digits=qty_digits,
        tick_e=grid or 1,
        step_e=10 ** max(exponent - qty_digits, 0),
    )
