"""What the simulated Phemex lists: contracts of the coin-settled family and of the USD-settled one,
and the product answers that name them.

Written from the venue's reference alone. Scales: prices (``Ep``) have the product's ``priceScale``
decimals, ratios (``Er``) eight, values (``Ev``) those of the currency they are settled in.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from connector.venues.sim_contract import Activity, Contract

PRICE_SCALE, RATIO_SCALE = 4, 8
LISTED, DELISTED, SETTLING = "Listed", "Delisted", "BeingSettled"
STATUSES = {
    LISTED: Activity.OPEN,
    SETTLING: Activity.HALTED,
    DELISTED: Activity.SILENT,
}
"""The usual one first."""
FUNDING_S = 8 * 3600
MAX_LEVERAGE = 100
"""Within the default risk limit."""
INITIAL_ER, MAINTENANCE_ER = 1_000_000, 500_000
"""1 % and 0.5 % of a position within the default risk limit."""
MAKER_FEE_ER, TAKER_FEE_ER = -25_000, 75_000
"""What fills of the reference show; its sample product names ten times as much."""


def value_scale(currency: str) -> int:
    """Decimals of a value in that currency."""
    return 4 if currency == "USD" else 8


def _coin(symbol: str, base: str, tick: str, price: str) -> Contract:
    return Contract(
        symbol=symbol, base=base, quote="USD", settle=base, size="1", price_digits=PRICE_SCALE,
        tick=tick, qty_digits=0, step="1", price=price, typical=2000,
    )  # fmt: skip


def _usd(symbol: str, base: str, size: str, tick: str, price: str) -> Contract:
    return Contract(
        symbol=symbol, base=base, quote="USD", settle="USD", size=size, price_digits=PRICE_SCALE,
        tick=tick, qty_digits=0, step="1", price=price, typical=400,
    )  # fmt: skip


def _stable(symbol: str, tick: str, step: str, price: str) -> Contract:
    """Quoted and settled in the coin that its name ends with."""
    base, settle = symbol[:-4], symbol[-4:]
    return Contract(
        symbol=symbol, base=base, quote=settle, settle=settle,
        price_digits=_digits(tick), tick=tick, qty_digits=_digits(step), step=step, price=price,
    )  # fmt: skip


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def decimal_family(symbol: str) -> bool:
    """Whether the symbol is of the second family, which writes decimal texts: margined in USDT or
    USDC, and no spot symbol."""
    return symbol.endswith(("USDT", "USDC")) and not symbol.startswith("s")


LISTINGS = [
    _coin("BTCUSD", "BTC", "0.1", "86770.0"),
    _coin("cETHUSD", "ETH", "0.01", "2763.86"),
    _coin("cSOLUSD", "SOL", "0.01", "131.20"),
    _coin("cXRPUSD", "XRP", "0.0001", "2.4312"),
    _coin("cADAUSD", "ADA", "0.0001", "0.8120"),
    _coin("cSUIUSD", "SUI", "0.0001", "3.2107"),
    _coin("cLINKUSD", "LINK", "0.001", "19.422"),
    _coin("cAVAXUSD", "AVAX", "0.01", "61.15"),
    _usd("ETHUSD", "ETH", "0.005", "0.05", "2763.85"),
    _usd("XRPUSD", "XRP", "5", "0.0001", "2.4312"),
    _usd("LINKUSD", "LINK", "0.2", "0.001", "19.422"),
    _usd("uBTCUSD", "BTC", "0.001", "0.1", "86770.0"),
]
"""The coin-settled ones are what the venue lists today; the USD-settled ones it has delisted, and
lists here only when they are asked for."""
GONE = LISTINGS[8:]
LISTINGS += [
    _stable("BTCUSDT", "0.1", "0.0001", "86540.3"),
    _stable("ETHUSDT", "0.01", "0.01", "2763.86"),
    _stable("SOLUSDT", "0.01", "0.01", "131.22"),
    _stable("XRPUSDT", "0.0001", "0.1", "2.4315"),
    _stable("BTCUSDC", "0.1", "0.001", "86541.7"),
    _stable("ETHUSDC", "0.01", "0.01", "2763.91"),
]
"""The last are of the second family, margined in USDT or USDC."""
FUNDS = {"BTC": 10, "ETH": 200, "SOL": 5_000, "XRP": 100_000, "ADA": 200_000, "SUI": 50_000,
         "LINK": 10_000, "AVAX": 5_000, "USD": 500_000, "USDT": 500_000,
         "USDC": 500_000}  # fmt: skip
DECIMAL_CURRENCIES = ("USDT", "USDC")
"""Those of the second family."""
DECIMAL_MAKER_ER, DECIMAL_TAKER_ER = 10_000, 60_000
DECIMAL_RISK_LIMIT = 2_000_000
DECIMAL_MIN_VALUE = 1
"""Of an order, in whole units of its currency."""


class Derived(Struct, frozen=True):
    """The symbols that belong to a contract and are no contracts."""

    index: str
    mark: str
    funding: str
    """The rate of the running interval."""
    settled: str
    """The last one settled."""


def derived(contract: Contract) -> Derived:
    """``.BTC``, ``.MBTC``, ``.BTCFR`` and ``.BTCFR8H``; of cETHUSD ``.cETH`` and so on."""
    name = contract.symbol
    if not decimal_family(name):
        name = name.removesuffix(contract.quote)
    return Derived(f".{name}", f".M{name}", f".{name}FR", f".{name}FR8H")


# Answers


def envelope(data: Any) -> bytes:
    return orjson.dumps({"code": 0, "msg": "OK", "data": data})


def products(rows: Iterable[Contract]) -> bytes:
    """``GET /public/products``: these contracts, and after them what was delisted."""
    given = list(rows)
    decimals = [row for row in given if decimal_family(row.symbol)]
    every = _with_gone(row for row in given if row not in decimals)
    names = dict.fromkeys(each.settle or each.quote for each in [*every, *decimals])
    data = {
        "ratioScale": RATIO_SCALE,
        "currencies": [_currency(number, name) for number, name in enumerate(names, 1)],
        "products": [_product(number, row) for number, row in enumerate(every, 1)],
        "perpProductsV2": [_decimal_product(41541 + n, row) for n, row in enumerate(decimals)],
        "riskLimits": [_risk_limits(row) for row in every],
        "riskLimitsV2": [_decimal_limits(row) for row in decimals],
        "leverages": [
            {"initialMargin": "1.0%", "initialMarginEr": INITIAL_ER,
             "options": [1, 2, 3, 5, 10, 25, 50, 100]}
        ],
        "leveragesV2": [],
    }  # fmt: skip
    return envelope(data)


def old_products(rows: Iterable[Contract]) -> bytes:
    """``GET /exchange/public/products``: the first form, of what trades."""
    return envelope(
        [
            _old_product(row)
            for row in rows
            if row.status in ("", LISTED) and not decimal_family(row.symbol)
        ]
    )


def _with_gone(rows: Iterable[Contract]) -> list[Contract]:
    every = list(rows)
    there = {row.symbol for row in every}
    return every + [_delisted(row) for row in GONE if row.symbol not in there]


def _delisted(row: Contract) -> Contract:
    return replace(row, status=DELISTED)


def _currency(number: int, name: str) -> dict[str, Any]:
    return {
        "code": number,
        "currency": name,
        "valueScale": value_scale(name),
        "minValueEv": 1,
        "maxValueEv": 5_000_000_000_000_000_000,
        "name": name,
        "displayCurrency": name,
        "needAddrTag": 0,
    }


def risk_limit(row: Contract) -> int:
    """The default risk limit, in whole units of the currency the contract is settled in: what
    100 BTC are worth."""
    worth = 100 * Decimal(LISTINGS[0].price)
    return round(worth / Decimal(row.price)) if row.inverse else round(worth)


def max_order_qty(row: Contract) -> int:
    return 20_000_000 if row.inverse else 500_000


def price_limits_ep(row: Contract) -> tuple[int, int]:
    """Lowest and highest price of an order."""
    tick_ep = int(Decimal(row.tick).scaleb(row.price_digits))
    top: int = 10 ** (len(str(int(Decimal(row.price)))) + 1 + row.price_digits)
    return tick_ep * 100 if row.inverse else tick_ep, top


def _product(number: int, row: Contract) -> dict[str, Any]:
    names = derived(row)
    settle = row.settle or row.quote
    low, high = price_limits_ep(row)
    return {
        "symbol": row.symbol,
        "code": number,
        "type": "Perpetual",
        "displaySymbol": f"{row.base} / {row.quote}",
        "indexSymbol": names.index,
        "markSymbol": names.mark,
        "fundingRateSymbol": names.funding,
        "fundingRate8hSymbol": names.settled,
        "contractUnderlyingAssets": row.quote if row.inverse else row.base,
        "settleCurrency": settle,
        "quoteCurrency": row.quote,
        "contractSize": float(row.size),
        "lotSize": int(row.step),
        "tickSize": float(row.tick),
        "priceScale": row.price_digits,
        "ratioScale": RATIO_SCALE,
        "pricePrecision": _digits(row.tick),
        "minPriceEp": low,
        "maxPriceEp": high,
        "maxOrderQty": max_order_qty(row),
        "status": row.status or LISTED,
        "tipOrderQty": max_order_qty(row) // 4,
        "fundingInterval": FUNDING_S,
        "description": f"{row.base}/{row.quote} perpetual contracts are priced on the"
        f" {names.index} Index. Each contract is worth {row.size}"
        f" {row.quote if row.inverse else row.base}.",
    }


def _risk_limits(row: Contract) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "steps": "50",
        "riskLimits": [
            {
                "limit": risk_limit(row),
                "initialMargin": "1.0%",
                "initialMarginEr": INITIAL_ER,
                "maintenanceMargin": "0.5%",
                "maintenanceMarginEr": MAINTENANCE_ER,
            }
        ],
    }


def decimal_price_limits(row: Contract) -> tuple[Decimal, Decimal]:
    """Lowest and highest price of an order of the second family."""
    return Decimal(row.tick), (Decimal(row.price) * 6).quantize(Decimal(1))


def decimal_max_qty(row: Contract) -> Decimal:
    """The largest order of the second family: some hundreds of millions' worth."""
    return Decimal(10) ** (9 - len(f"{int(Decimal(row.price))}"))


def _decimal_product(number: int, row: Contract) -> dict[str, Any]:
    names = derived(row)
    low, high = decimal_price_limits(row)
    return {
        "symbol": row.symbol,
        "code": number,
        "type": "PerpetualV2",
        "displaySymbol": f"{row.base} / {row.quote}",
        "indexSymbol": names.index,
        "markSymbol": names.mark,
        "fundingRateSymbol": names.funding,
        "fundingRate8hSymbol": names.settled,
        "contractUnderlyingAssets": row.base,
        "settleCurrency": row.settle,
        "quoteCurrency": row.quote,
        "tickSize": row.tick,
        "priceScale": 0,
        "ratioScale": 0,
        "pricePrecision": row.price_digits,
        "baseCurrency": row.base,
        "description": f"{row.base}/{row.quote} perpetual contracts are priced on the"
        f" {names.index} Index. Each contract is worth 1 {row.base}.",
        "status": row.status or LISTED,
        "tipOrderQty": 0,
        "fundingInterval": FUNDING_S,
        "leverageMargin": 1,
        "tipOrderQtyRq": "200",
        "maxOrderQtyRq": f"{decimal_max_qty(row):f}",
        "maxPriceRp": f"{high:f}",
        "minPriceRp": f"{low:f}",
        "minOrderValueRv": f"{DECIMAL_MIN_VALUE}",
        "qtyPrecision": row.qty_digits,
        "qtyStepSize": row.step,
        "tipOrderQtyValueRv": "0",
    }


def _decimal_limits(row: Contract) -> dict[str, Any]:
    step = {"limit": DECIMAL_RISK_LIMIT, "initialMarginRr": "0.01", "maintenanceMarginRr": "0.005"}
    return {"symbol": row.symbol, "steps": "0K", "riskLimits": [step]}


def _old_product(row: Contract) -> dict[str, Any]:
    settle = row.settle or row.quote
    return {
        "symbol": row.symbol,
        "underlyingSymbol": derived(row).index,
        "quoteCurrency": row.quote,
        "baseCurrency": row.base,
        "settlementCurrency": settle,
        "maxOrderQty": max_order_qty(row),
        "maxPriceEp": price_limits_ep(row)[1],
        "lotSize": int(row.step),
        "tickSize": row.tick,
        "contractSize": f"{row.size} {row.quote if row.inverse else row.base}",
        "priceScale": row.price_digits,
        "ratioScale": RATIO_SCALE,
        "valueScale": value_scale(settle),
        "defaultLeverage": 0,
        "maxLeverage": MAX_LEVERAGE,
        "initMarginEr": str(INITIAL_ER),
        "maintMarginEr": str(MAINTENANCE_ER),
        "defaultRiskLimitEv": risk_limit(row) * 10 ** value_scale(settle),
        "deleverage": True,
        "makerFeeRateEr": MAKER_FEE_ER,
        "takerFeeRateEr": TAKER_FEE_ER,
        "fundingInterval": FUNDING_S // 3600,
        "description": f"{row.symbol} is a perpetual contract priced on {derived(row).index}.",
    }


def contracts(info: bytes) -> list[Contract]:
    """The listed perpetual contracts of a products answer, of both families; raises ValueError
    naming the fault."""
    return scaled_contracts(info) + decimal_contracts(info)


def decimal_contracts(info: bytes) -> list[Contract]:
    """Those of the second family; raises ValueError."""
    found = []
    data = orjson.loads(info)["data"]
    rows = data.get("perpProductsV2", []) if isinstance(data, dict) else []
    known = {row.symbol: row for row in LISTINGS}
    for row in rows:
        if row.get("status", LISTED) != LISTED:
            continue
        try:
            tick, step = (f"{Decimal(str(row[name])):f}" for name in ("tickSize", "qtyStepSize"))
            made = _stable(row["symbol"], tick, step, f"{Decimal(str(row['maxPriceRp'])) / 6:f}")
        except (KeyError, InvalidOperation) as error:
            raise ValueError(f"products, symbol {row.get('symbol')}: {error!r}") from None
        found.append(known.get(made.symbol, made))
    return found


def scaled_contracts(info: bytes) -> list[Contract]:
    """Those of the first family, in the form of today or of 2021; raises ValueError."""
    try:
        data = orjson.loads(info)["data"]
        rows = data["products"] if isinstance(data, dict) else data
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"not a products answer: {error!r}") from None
    known = {row.symbol: row for row in LISTINGS}
    found = []
    for row in rows:
        if row.get("type", "Perpetual") != "Perpetual" or row.get("status", LISTED) != LISTED:
            continue
        try:
            found.append(_contract(row, known))
        except (KeyError, InvalidOperation, ValueError, TypeError) as error:
            raise ValueError(f"products, symbol {row.get('symbol')}: {error!r}") from None
    return found


def _contract(row: dict[str, Any], known: dict[str, Contract]) -> Contract:
    scale = int(row["priceScale"])
    tick = Decimal(str(row["tickSize"]))
    settle = row.get("settleCurrency") or row["settlementCurrency"]
    quote = row["quoteCurrency"]
    listed = known.get(row["symbol"])
    highest = Decimal(int(row["maxPriceEp"])).scaleb(-scale)
    return Contract(
        symbol=row["symbol"],
        base=settle if settle != quote else row["symbol"].removesuffix(quote),
        quote=quote,
        settle=settle,
        size=f"{Decimal(str(row['contractSize']).split()[0]).normalize():f}",
        price_digits=scale,
        tick=f"{tick:f}",
        qty_digits=0,
        step=str(int(row.get("lotSize", 1))),
        # The venue's highest price is some ten times the market's.
        price=listed.price if listed is not None else f"{highest / 20:f}",
        typical=2000 if settle != quote else 400,
    )
