"""Cadenza's recordings as the simulator reads them: REST answers with books and instruments.

Pure: recorded bytes in, what they say out."""

from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.venues.sim_contract import (
    AggRow,
    MarkTexts,
    RecordedDepth,
    RecordedMessage,
    RecordedSnapshot,
    Tape,
    TickerRow,
    TradeRow,
)


def message(whole: bytes) -> RecordedMessage | None:
    """None: streams are not recorded yet."""
    return None


def stream(name: str) -> tuple[str, str]:
    return "", ""


def answer(url: str, body: bytes) -> tuple[str, str]:
    """What a recorded answer is, by its URL."""
    path = urlsplit(url).path
    if path.endswith("/instrument/list"):
        return "instruments", ""
    if path.endswith("/orderBook/get"):
        return "snapshot", _book(body).get("instrumentId", "")
    return "", ""


def _book(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"no book: {error!r}") from None
    if not isinstance(found, dict):
        raise ValueError("no book")
    return found


def snapshot(body: bytes) -> RecordedSnapshot:
    """A recorded book of REST; its time is its id."""
    book = _book(body)
    try:
        bids, asks = ([(row[0], row[1]) for row in book[side]] for side in ("bids", "asks"))
        return RecordedSnapshot(book["timestamp"], bids, asks, book["timestamp"])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no book: {error!r}") from None


def older(body: bytes, last_id: int) -> bytes:
    found = orjson.loads(body)
    found["data"]["timestamp"] = last_id
    return orjson.dumps(found)


def depth(payload: bytes) -> RecordedDepth:
    raise ValueError("no message of a book")


def trades(payload: bytes) -> list[TradeRow]:
    return []


def agg_trade(payload: bytes) -> AggRow:
    raise ValueError("the venue has no aggregates")


def mark(payload: bytes) -> MarkTexts:
    raise ValueError("the venue has no mark prices")


def bbo(payload: bytes) -> TickerRow:
    raise ValueError("no message of best prices")


TAPE = Tape(
    message=message,
    stream=stream,
    answer=answer,
    depth=depth,
    snapshot=snapshot,
    older=older,
    trades=trades,
    agg_trade=agg_trade,
    mark=mark,
    bbo=bbo,
)
