"""What the venue tells about the market beside book, trades and last prices.

Shapes, parameters and errors are the reference's. The simulated market has no past of its mark and
index prices, no open interest of others, no funds and no top traders: what it does not know is an
empty list, or how things stand now.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from connector.venues.binance_usdm.sim_candles import (
    DAY_MS,
    HOUR_MS,
    LENGTHS,
    MINUTE_MS,
    joined,
    klines,
)
from connector.venues.binance_usdm.sim_params import MAX_ID, Fault, Params, malformed
from connector.venues.sim_contract import MarketView, MarkTexts

FUNDING_MS = 8 * HOUR_MS
CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")
PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")

Served = Callable[[Params, MarketView, int], bytes]


def _pair(params: Params, market: MarketView) -> str:
    pair = params.required("pair")
    if pair not in market.symbols:
        raise Fault(-4144, "Invalid pair.")
    return pair


def _mark(market: MarketView, symbol: str, now_ms: int) -> MarkTexts:
    found = market.mark(symbol, now_ms)
    if found is None:
        raise Fault(-1121, "Invalid symbol.")
    return found


def _span(params: Params) -> tuple[int | None, int | None]:
    start_ms = params.integer("startTime", None, 0, MAX_ID)
    end_ms = params.integer("endTime", None, 0, MAX_ID)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise Fault(-1023, "Start time is greater than end time.")
    return start_ms, end_ms


def _inside(time_ms: int, span: tuple[int | None, int | None]) -> bool:
    start_ms, end_ms = span
    return (start_ms is None or time_ms >= start_ms) and (end_ms is None or time_ms <= end_ms)


def historical_trades(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    most = params.limit(100, 500)
    from_id = params.integer("fromId", None, 0, MAX_ID)
    rows = [
        {
            "id": row.trade_id,
            "price": row.price,
            "qty": row.qty,
            "quoteQty": row.quote_qty,
            "time": row.time_ms,
            "isBuyerMaker": row.buyer_is_maker,
            "isRPITrade": False,
        }
        for row in market.trades(symbol)
        if from_id is None or row.trade_id >= from_id
    ]
    return orjson.dumps(rows[-most:] if from_id is None else rows[:most])


def continuous_klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    pair = _pair(params, market)
    kind = params.required("contractType")
    if kind not in CONTRACT_TYPES:
        raise Fault(-4104, "Invalid contract type")
    asked = Params.of({name: params.raw(name) for name in params.names()} | {"symbol": pair})
    found = klines(asked, market, now_ms)
    return found if kind == "PERPETUAL" else b"[]"


def _open_candle(params: Params, price: str, now_ms: int) -> bytes:
    """The candle of now, with the price of now: there is no past."""
    interval = params.required("interval")
    if interval not in LENGTHS:
        raise Fault(-1120, "Invalid interval.")
    params.integer("limit", 500, 1, 1500)
    span = _span(params)
    length_ms = LENGTHS[interval] or 30 * DAY_MS
    open_ms = now_ms - now_ms % length_ms
    row = [open_ms, price, price, price, price, "0", open_ms + length_ms - 1, "0", 1, "0", "0", "0"]
    return orjson.dumps([row] if _inside(open_ms, span) else [])


def index_klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    return _open_candle(params, _mark(market, _pair(params, market), now_ms).index, now_ms)


def mark_klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    return _open_candle(params, _mark(market, symbol, now_ms).mark, now_ms)


def premium_klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    found = _mark(market, symbol, now_ms)
    index = Decimal(found.index)
    premium = (Decimal(found.mark) - index) / index if index else Decimal(0)
    return _open_candle(params, f"{premium:.8f}", now_ms)


def funding_rate(params: Params, market: MarketView, now_ms: int) -> bytes:
    """As if the rate of now had always been paid, at the rhythm of the next payment."""
    symbol = params.symbol(market, required=False)
    most = params.limit(100, 1000)
    span = _span(params)
    rows: list[dict[str, Any]] = []
    for name in [symbol] if symbol is not None else market.symbols:
        found = market.mark(name, now_ms)
        if found is None:
            continue
        paid_ms = found.next_funding_ms - FUNDING_MS
        if span[1] is not None:
            paid_ms -= max(0, -((span[1] - paid_ms) // FUNDING_MS)) * FUNDING_MS
        if span[0] is not None:  # the first of them, not the last
            first_ms = paid_ms - (paid_ms - span[0]) // FUNDING_MS * FUNDING_MS
            paid_ms = min(paid_ms, first_ms + (most - 1) * FUNDING_MS)
        for back in range(most):
            time_ms = paid_ms - back * FUNDING_MS
            if _inside(time_ms, span) and time_ms > 0:
                rows.append(
                    {
                        "symbol": name,
                        "fundingRate": found.rate,
                        "fundingTime": time_ms,
                        "markPrice": found.mark,
                        "rateType": "Regular",
                    }
                )
    rows.sort(key=lambda row: row["fundingTime"])
    return orjson.dumps(rows[:most] if span[0] is not None else rows[-most:])


def open_interest(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    return orjson.dumps({"openInterest": "0", "symbol": symbol, "time": now_ms})


COMPOSITES = frozenset({"BTCDOMUSDT", "DEFIUSDT"})
"""Symbols that are composite indexes, if they are listed."""
COMPONENTS = 5


def composite(symbol: str, market: MarketView, now_ms: int) -> dict[str, Any] | None:
    """A composite index: its price, and in equal shares the first other symbols that are listed;
    None: the symbol is none."""
    mark = market.mark(symbol, now_ms) if symbol in COMPOSITES else None
    if mark is None:
        return None
    names = [name for name in market.symbols if name.endswith("USDT") and name not in COMPOSITES]
    price, parts = Decimal(mark.index), []
    for name in names[:COMPONENTS]:
        found = _mark(market, name, now_ms)
        share = Decimal(1) / len(names[:COMPONENTS])
        parts.append(
            {
                "baseAsset": name.removesuffix("USDT"),
                "quoteAsset": "USDT",
                "weightInQuantity": f"{price * share / Decimal(found.index):.8f}",
                "weightInPercentage": f"{share:.8f}",
                "price": found.index,
            }
        )
    return {"price": mark.index, "parts": parts}


def index_info(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market, required=False)
    rows = []
    for name in market.symbols if symbol is None else [symbol]:
        found = composite(name, market, now_ms)
        if found is not None:
            parts = [{key: row[key] for key in row if key != "price"} for row in found["parts"]]
            told = {"symbol": name, "time": now_ms, "component": "baseAsset"}
            rows.append(told | {"baseAssetList": parts})
    return orjson.dumps(rows if symbol is None or not rows else rows[0])


def rpi_depth(params: Params, market: MarketView, now_ms: int) -> bytes:
    """Nobody places such orders here: the same book."""
    symbol = params.symbol(market)
    assert symbol is not None
    limit = params.integer("limit", 1000, -MAX_ID, MAX_ID)
    if limit != 1000:
        raise Fault(-4021, f"{limit} is not valid depth limit.")
    return market.depth(symbol, 1000, now_ms)


def asset_rows(market: MarketView, now_ms: int) -> list[dict[str, Any]]:
    """Of the assets that symbols against USDT are made of."""
    found: list[dict[str, Any]] = []
    for name in market.symbols:
        mark = market.mark(name, now_ms)
        if not name.endswith("USDT") or mark is None:
            continue
        index = Decimal(mark.index)
        low, high = f"{index * Decimal('0.95'):f}", f"{index * Decimal('1.05'):f}"
        found.append(
            {
                "symbol": name.removesuffix("T"),
                "time": now_ms,
                "index": mark.index,
                "bidBuffer": "0.05000000",
                "askBuffer": "0.05000000",
                "bidRate": low,
                "askRate": high,
                "autoExchangeBidBuffer": "0.05000000",
                "autoExchangeAskBuffer": "0.05000000",
                "autoExchangeBidRate": low,
                "autoExchangeAskRate": high,
            }
        )
    return found


def asset_index(params: Params, market: MarketView, now_ms: int) -> bytes:
    wanted = params.text("symbol")
    found = asset_rows(market, now_ms)
    if wanted is None:
        return orjson.dumps(found)
    for row in found:
        if row["symbol"] == wanted:
            return orjson.dumps(row)
    raise Fault(-1121, "Invalid symbol.")


def constituents(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    one = {
        "exchange": "binance",
        "symbol": symbol,
        "price": _mark(market, symbol, now_ms).index,
        "weight": "1.00000000",
    }
    return orjson.dumps({"symbol": symbol, "time": now_ms, "constituents": [one]})


def insurance(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market, required=False)
    fund = {
        "symbols": [*market.symbols],
        "assets": [{"asset": "USDT", "marginBalance": "0.00000000", "updateTime": now_ms}],
    }
    return orjson.dumps([fund] if symbol is None else fund)


def adl_risk(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market, required=False)
    rows = [{"symbol": name, "adlRisk": "low", "updateTime": now_ms} for name in market.symbols]
    if symbol is None:
        return orjson.dumps(rows)
    return orjson.dumps(next(row for row in rows if row["symbol"] == symbol))


def schedule(params: Params, market: MarketView, now_ms: int) -> bytes:
    """No contracts on stocks and commodities here."""
    return orjson.dumps({"updateTime": now_ms, "marketSchedules": {}})


def nothing(params: Params, market: MarketView, now_ms: int) -> bytes:
    return b"[]"


# The statistics


def _period(params: Params) -> str:
    period = params.required("period")
    if period not in PERIODS:
        raise malformed("period")
    return period


def unknown_statistic(params: Params, market: MarketView, now_ms: int) -> bytes:
    """What only the real venue has: who holds what."""
    params.symbol(market)
    _period(params)
    params.limit(30, 500)
    _span(params)
    return b"[]"


def taker_volume(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    period, most, span = _period(params), params.limit(30, 500), _span(params)
    rows = []
    for each in joined(market.candles(symbol), period):
        if not _inside(each.open_ms, span):
            continue
        sold = each.volume - each.buy_volume
        ratio = each.buy_volume / sold if sold else Decimal(0)
        rows.append(
            {
                "buySellRatio": f"{ratio:.4f}",
                "buyVol": f"{each.buy_volume:f}",
                "sellVol": f"{sold:f}",
                "timestamp": each.open_ms,
            }
        )
    return orjson.dumps(rows[-most:])


def basis(params: Params, market: MarketView, now_ms: int) -> bytes:
    pair, kind, period = _pair(params, market), params.required("contractType"), _period(params)
    if kind not in CONTRACT_TYPES[:3]:
        raise Fault(-4104, "Invalid contract type")
    params.limit(30, 500)
    if kind != "PERPETUAL":
        return b"[]"
    found = _mark(market, pair, now_ms)
    index, mark = Decimal(found.index), Decimal(found.mark)
    time_ms = now_ms - now_ms % max(LENGTHS[period], MINUTE_MS)
    row = {
        "pair": pair,
        "contractType": kind,
        "indexPrice": found.index,
        "futuresPrice": found.mark,
        "basis": f"{mark - index:f}",
        "basisRate": f"{(mark - index) / index if index else 0:.4f}",
        "annualizedBasisRate": "",
        "timestamp": time_ms,
    }
    return orjson.dumps([row] if _inside(time_ms, _span(params)) else [])


def deliveries(params: Params, market: MarketView, now_ms: int) -> bytes:
    """Nothing was ever delivered here."""
    _pair(params, market)
    return b"[]"
