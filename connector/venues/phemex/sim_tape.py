"""Phemex's recordings as the simulator reads them: books, trades, days.

Pure: recorded bytes in, what they say out. A book's base is on its own stream, so a recording needs
no answers of REST; the numbers on the wire are scaled and stay so.
"""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson
from msgspec.structs import replace

from connector.venues.phemex.sim_feeds import BOOK, DAY, KLINE, MS_NS, TRADE, WINDOW, book_name
from connector.venues.phemex.sim_listings import LISTINGS, PRICE_SCALE
from connector.venues.sim_contract import (
    Contract,
    MarkTexts,
    RecordedDepth,
    RecordedMessage,
    RecordedSnapshot,
    Tape,
    TradeRow,
    decimal,
)

SPOT_SCALE = 8
"""Decimals of the price of a spot symbol, which begins with an s."""


def message(whole: bytes) -> RecordedMessage | None:
    """The message of a line; None when it is none of a stream."""
    try:
        event = orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    name = _name(event)
    return RecordedMessage(name, whole, False) if name else None


def _name(event: dict[str, Any]) -> str:
    symbol = event.get("symbol")
    if "market24h" in event:
        return f"{event['market24h'].get('symbol')}@{DAY}"
    if not isinstance(symbol, str):
        return ""
    if "book" in event:
        return book_name(symbol, event.get("depth", WINDOW), long=event.get("depth") == 0)
    if "trades" in event:
        return f"{symbol}@{TRADE}"
    if "kline" in event:
        rows = event["kline"]
        return f"{symbol}@{KLINE}:{rows[0][1]}" if rows else ""
    return ""


def stream(name: str) -> tuple[str, str]:
    """Symbol and kind of a recorded stream."""
    symbol, _, rest = name.partition("@")
    kind = rest.partition(":")[0]
    kinds = {BOOK: "depth", TRADE: "trade", DAY: "markPrice"}
    return symbol, kinds.get(kind, "")


def answer(url: str, body: bytes) -> tuple[str, str]:
    """What a recorded answer is, by its URL."""
    return ("instruments" if urlsplit(url).path.endswith("/products") else ""), ""


def depth(payload: bytes) -> RecordedDepth:
    event = orjson.loads(payload)
    try:
        book = event["book"]
        return RecordedDepth(
            event["sequence"], 0, _levels(book["bids"]), _levels(book["asks"]),
            event.get("timestamp", 0) // MS_NS, event["type"] == "snapshot",
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"no message of a book: {error!r}") from None


def _levels(rows: list[Any]) -> list[tuple[str, str]]:
    return [(str(price), str(qty)) for price, qty in rows]


def snapshot(body: bytes) -> RecordedSnapshot:
    """A recorded book of REST."""
    found = depth(orjson.dumps(orjson.loads(body)["result"]))
    return RecordedSnapshot(found.last_id, found.bids, found.asks, found.time_ms)


def older(body: bytes, last_id: int) -> bytes:
    answer = orjson.loads(body)
    answer["result"]["sequence"] = last_id
    return orjson.dumps(answer)


def trades(payload: bytes) -> list[TradeRow]:
    """Those of an increment; a history is from before the recording."""
    event = orjson.loads(payload)
    if event["type"] != "incremental":
        return []
    rows, sequence = event["trades"][::-1], event["sequence"]
    return [
        TradeRow(
            sequence << 10 | number, str(price), str(qty), str(price * qty), time_ns // MS_NS,
            side == "Sell", sequence,
        )
        for number, (time_ns, side, price, qty) in enumerate(rows)
    ]  # fmt: skip


def mark(payload: bytes) -> MarkTexts:
    row = orjson.loads(payload)["market24h"]
    price, index = (decimal(row[name], PRICE_SCALE) for name in ("markPrice", "indexPrice"))
    return MarkTexts(price, index, index, price, decimal(row.get("fundingRate", 0), 8), 0)


def listed(found: Contract) -> Contract:
    """Recorded prices are scaled: what the scale is, the symbol tells."""
    known = next((row for row in LISTINGS if row.symbol == found.symbol), None)
    scale = SPOT_SCALE if found.symbol.startswith("s") else PRICE_SCALE
    tick = decimal(int(found.tick), scale)
    price = decimal(int(found.price), scale)
    if known is not None:
        return replace(known, tick=tick, price=price)
    quote = "USDT" if found.symbol.endswith("USDT") else "USD"
    return replace(
        found,
        base=found.symbol.removesuffix(quote),
        quote=quote,
        settle=quote,
        price_digits=scale,
        tick=f"{Decimal(tick).normalize():f}",
        price=price,
        qty_digits=0,
        step="1",
    )


TAPE = Tape(
    message=message,
    stream=stream,
    answer=answer,
    depth=depth,
    snapshot=snapshot,
    older=older,
    trades=trades,
    listed=listed,
    mark=mark,
)
