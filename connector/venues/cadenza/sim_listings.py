"""What the simulated Cadenza lists: instruments of several venues behind it, and their assets.

Written from the venue's reference alone (sections 8 and 9.5)."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from connector.venues.cadenza.sim_envelope import CURRENT, SEED, good
from connector.venues.sim_contract import Activity, Contract

ACTIVE, INACTIVE, DISABLED, DELISTED = "ACTIVE", "INACTIVE", "DISABLED", "DELISTED"
STATUSES = {
    ACTIVE: Activity.OPEN,
    INACTIVE: Activity.HALTED,
    DISABLED: Activity.HALTED,
    DELISTED: Activity.SILENT,
}
"""The usual one first."""
ONLINE, MAINTENANCE = "ONLINE", "MAINTENANCE"
VENUES = {
    "BINANCE": ONLINE, "OKX": ONLINE, "DERIBIT": ONLINE, "B2C2": ONLINE, "WINTERMUTE": ONLINE,
    "BLOCKFILLS": ONLINE, "STONEX": ONLINE, "CUMBERLAND": ONLINE, "IBKR": ONLINE,
    "BITFINEX": MAINTENANCE, "MOCK": ONLINE, "PAPER": ONLINE,
}  # fmt: skip
"""Behind this one."""
TODAY = {"HYPERLIQUID": ONLINE, "FERMATA": ONLINE}
"""Those that came since."""
DEALERS = frozenset({"B2C2", "WINTERMUTE", "BLOCKFILLS", "CUMBERLAND"})
"""They trade against their clients and take no resting orders."""
PERPETUAL = "PERPETUAL"
SEPARATORS = {"OKX": "-", "B2C2": "."}
"""Between the assets in a symbol of theirs."""
MIN_NOTIONAL = {"USDT": "5", "USD": "5", "USDC": "5", "BTC": "0.0001", "EUR": "5"}
FEES_E8 = 100_000
"""0.1 % of the value, maker and taker."""


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def _spot(venue: str, symbol: str, tick: str, step: str, price: str) -> Contract:
    base, _, quote = symbol.partition("/")
    return Contract(
        symbol=f"{venue}:{symbol}", base=base, quote=quote, settle=quote,
        price_digits=_digits(tick), tick=tick, qty_digits=_digits(step), step=step, price=price,
    )  # fmt: skip


LISTINGS = [
    _spot("BINANCE", "BTC/USDT", "0.01", "0.00001", "86540.30"),
    _spot("BINANCE", "ETH/USDT", "0.01", "0.0001", "2763.86"),
    _spot("OKX", "BTC/USDT", "0.1", "0.00000001", "86541.1"),
    _spot("OKX", "ETH/USDT", "0.01", "0.000001", "2763.90"),
    _spot("B2C2", "BTC/USD", "0.01", "0.0001", "86530.00"),
    _spot("DERIBIT", "BTC-PERPETUAL", "0.5", "0.001", "86550.0"),
    _spot("BINANCE", "SOL/USDT", "0.01", "0.001", "131.22"),
    _spot("BINANCE", "XRP/USDT", "0.0001", "0.1", "2.4315"),
    _spot("WINTERMUTE", "ETH/USD", "0.01", "0.001", "2763.50"),
    _spot("MOCK", "BTC/USDT", "0.01", "0.00001", "86540.30"),
]
LISTINGS[5] = Contract(
    symbol="DERIBIT:BTC-PERPETUAL", base="BTC", quote="USD", settle="USD", price_digits=1,
    tick="0.5", qty_digits=3, step="0.001", price="86550.0",
)  # fmt: skip
FUNDS = {"USDT": 500_000, "USD": 500_000, "BTC": 10, "ETH": 200, "SOL": 5_000, "XRP": 100_000}


def venue_of(instrument_id: str) -> str:
    return instrument_id.partition(":")[0]


def kind_of(row: Contract) -> str:
    return "SPOT" if "/" in row.symbol else PERPETUAL


def order_types(row: Contract, profile: str) -> list[str]:
    if venue_of(row.symbol) in DEALERS:
        return ["MARKET", "QUOTED"]
    types = ["LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
    return [*types, "LIMIT_MAKER"] if profile == CURRENT else types


def times(row: Contract) -> list[str]:
    return ["FOK"] if venue_of(row.symbol) in DEALERS else ["GTC", "IOC", "FOK", "GTD", "GTX"]


def max_quantity(row: Contract) -> Decimal:
    """A million of the quote, roughly, and at least a thousand steps."""
    return max(
        Decimal(1000) * Decimal(row.step),
        (Decimal(20_000_000) / Decimal(row.price)).quantize(Decimal(row.step)),
    )


def instrument(row: Contract, profile: str) -> dict[str, Any]:
    """A contract as the instrument list has it."""
    venue, _, symbol = row.symbol.partition(":")
    spot = kind_of(row) == "SPOT"
    found: dict[str, Any] = {
        "instrumentId": row.symbol,
        "venue": venue,
        "symbol": symbol,
        "externalSymbol": symbol.replace("/", SEPARATORS.get(venue, "")),
        "instrumentType": kind_of(row),
        "status": row.status or ACTIVE,
        "baseAsset": row.base,
        "quoteAsset": row.quote,
        "baseSecurityType": "CRYPTO",
        "quoteSecurityType": "CURRENCY" if row.quote in ("USD", "EUR") else "CRYPTO",
        "basePrecision": row.qty_digits,
        "quotePrecision": row.price_digits,
        "baseMaxSignificant": None,
        "quoteMaxSignificant": None,
        "baseScale": None,
        "quoteScale": None,
        "lotSize": row.step,
        "pipSize": row.tick,
        "minQuantity": row.step,
        "maxQuantity": f"{max_quantity(row):f}",
        "minNotional": MIN_NOTIONAL.get(row.quote, "0"),
        "orderTypes": order_types(row, profile),
        "timeInForceOptions": times(row),
    }
    if profile == CURRENT:
        found["description"] = f"{symbol} at {venue}"
        if spot:  # today the two may be left out
            del found["quoteSecurityType"]
    return found


def assets(rows: Iterable[Contract]) -> list[dict[str, Any]]:
    """The assets of these contracts, each once a venue."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        venue = venue_of(row.symbol)
        for asset in (row.base, row.quote):
            found.setdefault(
                f"{venue}:{asset}",
                {
                    "securityId": f"{venue}:{asset}",
                    "symbol": asset,
                    "venue": venue,
                    "securityType": "CURRENCY" if asset in ("USD", "EUR") else "CRYPTO",
                    "precision": 8,
                    "scale": 8,
                    "minQuantity": "0.00000001",
                    "lotSize": "0.00000001",
                },
            )
    return list(found.values())


def exchange_info(rows: Iterable[Contract], now_ms: int, weight: int) -> bytes:
    """The instrument list, whole."""
    return good(SEED, [instrument(row, SEED) for row in rows])


def contracts(info: bytes) -> list[Contract]:
    """The tradable ones of an instrument list; raises ValueError naming the fault."""
    try:
        rows = orjson.loads(info)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"no instrument list: {error}") from None
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ValueError(f"data[{number}] is not an object")
        if row.get("status") != ACTIVE:
            continue
        try:
            tick, step = str(row["pipSize"]), str(row["lotSize"])
            if Decimal(tick) <= 0 or Decimal(step) <= 0:
                raise ValueError("a step that is not above zero")
            price = row.get("price") or str(Decimal(tick) * 10_000)
            found.append(
                Contract(
                    symbol=row["instrumentId"], base=row["baseAsset"], quote=row["quoteAsset"],
                    settle=row["quoteAsset"], price_digits=_digits(tick), tick=tick,
                    qty_digits=_digits(step), step=step, price=str(price),
                )
            )  # fmt: skip
        except (KeyError, InvalidOperation, ValueError) as error:
            raise ValueError(f"data[{number}]: {error}") from None
    return found
