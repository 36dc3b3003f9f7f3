"""Binance USD-M's recordings as the simulator reads them: streams, snapshots, events.

Pure: recorded bytes in, what they say out.
"""

import re
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import msgspec
import orjson
from msgspec import Struct

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


class _Depth(Struct, gc=False):
    u: int
    pu: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    T: int = 0


class _Snapshot(Struct):
    lastUpdateId: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    T: int = 0


class _Combined(Struct):
    stream: str
    data: msgspec.Raw


class _Event(Struct):
    e: str
    s: str


_HEAD = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]+)"\s*,\s*"data"\s*:\s*')
_LAST_ID = re.compile(rb'("lastUpdateId"\s*:\s*)\d+')
_depth = msgspec.json.Decoder(_Depth)
_snapshot = msgspec.json.Decoder(_Snapshot)
_combined = msgspec.json.Decoder(_Combined)
_event = msgspec.json.Decoder(_Event)
_RAW_STREAMS = {
    "depthUpdate": "@depth@0ms",
    "bookTicker": "@bookTicker",
    "trade": "@trade",
    "aggTrade": "@aggTrade",
    "markPriceUpdate": "@markPrice@1s",
}


def message(whole: bytes) -> RecordedMessage | None:
    """The message of a line; None when it is none of a stream.

    A line that is not whole JSON is a message all the same when its stream can be told: it was on
    the wire like that.
    """
    match = _HEAD.match(whole)
    if match is not None:
        payload = whole[match.end() :].rstrip().removesuffix(b"}")
        return RecordedMessage(match[1].decode("utf-8", "replace"), payload, True)
    try:
        combined = _combined.decode(whole)
        return RecordedMessage(combined.stream, bytes(combined.data), True)
    except ValueError:
        pass
    try:
        event = _event.decode(whole)
    except ValueError:
        return None
    suffix = _RAW_STREAMS.get(event.e)
    if suffix is None:
        return None
    return RecordedMessage(event.s.lower() + suffix, whole, False)


def stream(name: str) -> tuple[str, str]:
    """Symbol and kind of a recorded stream."""
    symbol, _, rest = name.partition("@")
    word, _, _ = rest.partition("@")
    known = word in ("bookTicker", "trade", "aggTrade", "markPrice", "depth")
    return ("" if symbol.startswith("!") else symbol.upper()), (word if known else "")


def answer(url: str, body: bytes) -> tuple[str, str]:
    """What a recorded answer is, by its URL or, without one, by its body."""
    if url:
        parts = urlsplit(url)
        if parts.path.endswith("/exchangeInfo"):
            return "instruments", ""
        if parts.path.endswith("/depth"):
            return "snapshot", parse_qs(parts.query).get("symbol", [""])[0]
        return "", ""
    if body.startswith(b'{"lastUpdateId"'):
        return "snapshot", ""
    if b'"symbols"' in body and b'"rateLimits"' in body:
        return "instruments", ""
    return "", ""


def depth(payload: bytes) -> RecordedDepth:
    found = _depth.decode(payload)
    return RecordedDepth(found.u, found.pu, found.b, found.a, found.T)


def snapshot(body: bytes) -> RecordedSnapshot:
    found = _snapshot.decode(body)
    return RecordedSnapshot(found.lastUpdateId, found.bids, found.asks, found.T)


def older(body: bytes, last_id: int) -> bytes:
    return _LAST_ID.sub(rb"\g<1>%d" % last_id, body, count=1)


def trades(payload: bytes) -> list[TradeRow]:
    event = orjson.loads(payload)
    price, qty = Decimal(event["p"]), Decimal(event["q"])
    quote = f"{price * qty:f}"
    return [TradeRow(event["t"], event["p"], event["q"], quote, event["T"], event["m"])]


def agg_trade(payload: bytes) -> AggRow:
    event = orjson.loads(payload)
    return AggRow(
        event["a"], event["p"], event["q"], event["f"], event["l"], event["T"], event["m"]
    )


def mark(payload: bytes) -> MarkTexts:
    event = orjson.loads(payload)
    index = event.get("i", event["p"])
    return MarkTexts(
        event["p"], index, event.get("P", index), event.get("ap", event["p"]),
        event.get("r", "0.00000000"), event.get("T", 0),
    )  # fmt: skip


def bbo(payload: bytes) -> TickerRow:
    event = orjson.loads(payload)
    return TickerRow(event["b"], event["B"], event["a"], event["A"], event.get("T", 0), event["u"])


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
