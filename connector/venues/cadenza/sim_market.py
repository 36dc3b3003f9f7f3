"""The simulated Cadenza's market data over REST: venues, instruments, assets, books, candles.

Written from the venue's reference alone (sections 5, 6, 9.5 to 9.7)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from connector.venues.cadenza import sim_listings as listings
from connector.venues.cadenza.sim_asked import Asked, page
from connector.venues.cadenza.sim_envelope import (
    BAD_FORM,
    CURRENT,
    NOT_FOUND,
    NOTHING,
    SEED,
    Fault,
    Paged,
)
from connector.venues.sim_contract import Candle, Contract, MarketView

BOOKS_MOST = 20
INTERVAL_MS = {
    "1s": 1_000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000,
    "1h": 3_600_000, "2h": 7_200_000, "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000,
    "12h": 43_200_000, "1d": 86_400_000, "3d": 259_200_000, "1w": 604_800_000, "1M": 2_592_000_000,
}  # fmt: skip
CANDLES = 500
"""Where no limit is given."""


def listed(asked: Asked) -> list[Contract]:
    """Every instrument in the list, as it stands now."""
    rows = [row for row in asked.market.symbols.values() if isinstance(row, Contract)]
    return [asked.state.listed(row) for row in rows if row.symbol not in asked.state.deleted]


def found(asked: Asked, instrument_id: str) -> Contract:
    """One of them. Raises `Fault`."""
    row = asked.market.symbols.get(instrument_id)
    if not isinstance(row, Contract) or instrument_id in asked.state.deleted:
        raise Fault(NOT_FOUND, f"Instrument not found: {instrument_id}")
    return asked.state.listed(row)


def info(asked: Asked) -> Any:
    return {
        "name": "Algo724 Cadenza Fermata API",
        "version": "3.0.1",
        "description": "Unified trading platform (simulated)",
        "documentation": "/api/v3/docs",
    }


def health(now_ms: int, stamp: str) -> dict[str, Any]:
    """The one answer without an envelope."""
    well = {"status": "healthy"}
    return {
        "status": "healthy", "timestamp": now_ms, "isoDateTime": stamp, "version": "3.0.1",
        "checks": {"database": well, "temporal": well, "redis": well},
    }  # fmt: skip


def venues(asked: Asked) -> Any:
    there = listings.VENUES | (listings.TODAY if asked.profile == CURRENT else {})
    return [{"venue": name, "status": status} for name, status in there.items()]


def instruments(asked: Asked) -> Any:
    rows = [listings.instrument(row, asked.profile) for row in listed(asked)]
    wanted = asked.fields
    if "venue" in wanted:
        rows = [row for row in rows if row["venue"] == wanted["venue"]]
    if wanted.get("symbols"):
        rows = [row for row in rows if row["symbol"] in wanted["symbols"]]
    if "securityType" in wanted:
        rows = [row for row in rows if row["baseSecurityType"] == wanted["securityType"]]
    if "instrumentStatus" in wanted:
        rows = [row for row in rows if row["status"] == wanted["instrumentStatus"]]
    return page(asked, rows)


def securities(asked: Asked) -> Any:
    gone = asked.state.securities_gone
    rows = [row for row in listings.assets(listed(asked)) if row["securityId"] not in gone]
    if "venue" in asked.fields:
        rows = [row for row in rows if row["venue"] == asked.fields["venue"]]
    if "securityId" in asked.fields:
        rows = [row for row in rows if row["securityId"] == asked.fields["securityId"]]
    return page(asked, rows)


def sync_instruments(asked: Asked) -> Any:
    """What was deleted is listed again; others of that venue there are not."""
    asked.administrator()
    ids = {f"{asked.fields['venue']}:{symbol}" for symbol in asked.fields["symbols"]}
    back = ids & asked.state.deleted
    asked.state.deleted -= back
    known = {row.symbol for row in listed(asked)}
    return {"total": len(ids & known)}


def delete_instrument(asked: Asked) -> Any:
    asked.administrator()
    row = found(asked, asked.fields["instrumentId"])
    asked.state.deleted.add(row.symbol)
    return "ok" if asked.profile == SEED else NOTHING


def enable_instrument(asked: Asked) -> Any:
    return _switch(asked, "")


def disable_instrument(asked: Asked) -> Any:
    return _switch(asked, listings.DISABLED)


def _switch(asked: Asked, status: str) -> Any:
    asked.administrator()
    row = found(asked, asked.fields["instrumentId"])
    asked.state.switched[row.symbol] = status
    return listings.instrument(found(asked, row.symbol), asked.profile)


def sync_securities(asked: Asked) -> Any:
    asked.administrator()
    asked.state.securities_gone = {
        name
        for name in asked.state.securities_gone
        if listings.venue_of(name) != asked.fields["venue"]
    }
    return "ok" if asked.profile == SEED else NOTHING


def delete_security(asked: Asked) -> Any:
    asked.administrator()
    wanted = asked.fields["securityId"]
    for row in listings.assets(listed(asked)):
        if row["securityId"] == wanted and wanted not in asked.state.securities_gone:
            asked.state.securities_gone.add(wanted)
            return row
    raise Fault(NOT_FOUND, f"Security not found: {wanted}")


# Books


def book(asked: Asked) -> Any:
    return book_row(asked.market, _by(asked, "instrumentId", "symbol")[0],
                    asked.fields.get("depth", 10), asked.profile)  # fmt: skip


def books(asked: Asked) -> Any:
    rows = _by(asked, "instrumentIds", "symbols")
    if len(rows) > BOOKS_MOST:
        raise Fault(BAD_FORM, f"instrumentIds: at most {BOOKS_MOST}")
    depth = asked.fields.get("depth", 10)
    return [book_row(asked.market, row, depth, asked.profile) for row in rows]


def _by(asked: Asked, ids: str, symbols: str) -> Sequence[Contract]:
    """The instruments a request names; by venue and symbol in the earlier state only."""
    given = asked.fields.get(ids)
    if given is None and asked.profile == SEED and "venue" in asked.fields:
        names = asked.fields.get(symbols, [])
        names = [names] if isinstance(names, str) else names
        given = [f"{asked.fields['venue']}:{name}" for name in names]
    if not given:
        raise Fault(BAD_FORM, f"{ids}: required")
    return [found(asked, name) for name in ([given] if isinstance(given, str) else given)]


def book_row(market: MarketView, row: Contract, depth: int, profile: str) -> dict[str, Any]:
    """A whole book, best first."""
    top = market.top(row.symbol, depth)
    body = book_body(row.symbol, top.time_ms, profile)
    return body | {"bids": [list(one) for one in top.bids], "asks": [list(one) for one in top.asks]}


def book_body(instrument_id: str, time_ms: int, profile: str) -> dict[str, Any]:
    """A book without its sides."""
    venue, _, symbol = instrument_id.partition(":")
    body: dict[str, Any] = {"instrumentId": instrument_id, "venue": venue, "symbol": symbol}
    if profile == CURRENT:
        body |= {
            "updateType": "SNAPSHOT", "orderBookType": "L2", "columns": ["price", "quantity"],
        }  # fmt: skip
    return body | {"timestamp": time_ms}


# Tickers and candles


def ticker(asked: Asked) -> Any:
    return ticker_row(asked.market, found(asked, asked.fields["instrumentId"]), asked.now_ms)


def tickers(asked: Asked) -> Any:
    ids = asked.fields.get("instrumentIds")
    rows = [found(asked, name) for name in ids] if ids else listed(asked)
    shown = page(asked, rows)
    return Paged(
        [ticker_row(asked.market, row, asked.now_ms) for row in shown.rows],
        shown.offset, shown.limit, shown.total, shown.cursor,
    )  # fmt: skip


def ticker_row(market: MarketView, row: Contract, now_ms: int) -> dict[str, Any]:
    venue, _, symbol = row.symbol.partition(":")
    body: dict[str, Any] = {
        "venue": venue, "symbol": symbol, "timestamp": now_ms, "instrumentId": row.symbol,
    }  # fmt: skip
    best = market.ticker(row.symbol)
    if best is not None:
        body |= {
            "bidPrice": best.bid, "bidQuantity": best.bid_qty, "askPrice": best.ask,
            "askQuantity": best.ask_qty,
        }  # fmt: skip
    trades = market.trades(row.symbol)
    if trades:
        first, last = Decimal(trades[0].price), Decimal(trades[-1].price)
        change = ((last - first) / first * 100).quantize(Decimal("0.01"))
        body |= {
            "lastPrice": trades[-1].price, "lastQuantity": trades[-1].qty,
            "priceChangePercent": f"{change:f}",
        }  # fmt: skip
    return body


def kline(asked: Asked) -> Any:
    fields = asked.fields
    if "instrumentId" not in fields:
        raise Fault(BAD_FORM, "instrumentId: required")
    row = found(asked, fields["instrumentId"])
    return kline_row(asked.market, row, fields["interval"], asked.now_ms,
                     fields.get("from", 0), fields.get("to", asked.now_ms),
                     fields.get("limit", CANDLES))  # fmt: skip


def kline_row(
    market: MarketView, row: Contract, interval: str, now_ms: int, first_ms: int, last_ms: int,
    limit: int,
) -> dict[str, Any]:  # fmt: skip
    """Candles that begin from ``first_ms`` to ``last_ms``, both counted; the newest of too many."""
    length = INTERVAL_MS[interval]
    rows = [
        each for each in _joined(market.candles(row.symbol), length)
        if first_ms <= each[0] <= last_ms
    ][-limit:]  # fmt: skip
    venue, _, symbol = row.symbol.partition(":")
    closed = not rows or rows[-1][0] + length <= now_ms
    return {
        "venue": venue, "symbol": symbol, "interval": interval, "timestamp": now_ms,
        "isClosed": closed, "candles": rows, "instrumentId": row.symbol,
    }  # fmt: skip


def _joined(minutes: Iterable[Candle], length: int) -> list[list[Any]]:
    """Minutes put together to longer candles; seconds there are none of, their minute stands for
    them."""
    made: dict[int, list[Any]] = {}
    for one in minutes:
        start = one.open_ms // length * length
        known = made.get(start)
        if known is None:
            made[start] = [start, one.open, one.high, one.low, one.close, one.volume]
        else:
            known[2], known[3] = max(known[2], one.high), min(known[3], one.low)
            known[4], known[5] = one.close, known[5] + one.volume
    return [[row[0], *(f"{value:f}" for value in row[1:])] for row in made.values()]
